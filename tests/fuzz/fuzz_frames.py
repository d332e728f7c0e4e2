"""Coverage-guided fuzzing of everything that reads a peer's bytes; `make fuzz SECONDS=60`.

The corpus is made here, from every command and every form of frame. A finding is written to
the folder `crash-*`, and is run again by `python tests/fuzz/fuzz_frames.py FILE`.
"""

import contextlib
import sys
import tempfile
from pathlib import Path

import atheris

with atheris.instrument_imports(
    include=["realtime.codec", "realtime.session", "realtime.transports"]
):
    from realtime.codec import decode
    from realtime.session import Close, Rules, Session
    from realtime.transports.incoming import Closed, Incoming, Message, Violation

from rooms.errors import ProductError
from tests.realtime.raw import BINARY, CLOSE, CONT, PING, TEXT, close, frame

BYTES_MAX = 4_096
RULES = Rules(
    frame_bytes=BYTES_MAX,
    commands_per_second=10,
    commands_burst=1_000,
    auth_seconds=10,
    heartbeat_seconds=25,
    slow_seconds=20,
)


def one(data: bytes) -> None:
    """The first byte says how the rest is cut and what the connection speaks."""
    if not data:
        return
    form = "json" if data[0] & 1 else "msgpack"
    step, data = (data[0] >> 1) + 1, data[1:]
    incoming, session = Incoming(BYTES_MAX), Session(form, RULES, 0.0)
    try:
        for i in range(0, len(data), step):
            incoming.feed(data[i : i + step])
            while (came := incoming.next()) is not None:
                if isinstance(came, Closed):
                    return
                if isinstance(came, Message):
                    heard(session, came.data, form)
            assert incoming.waiting_bytes <= 2 * BYTES_MAX + 14 + step
    except Violation as broken:
        assert broken.code in {1002, 1007, 1009}  # noqa: PT017
        incoming.closed(data)
        assert incoming.waiting_bytes < 14


def heard(session: Session, data: bytes, form: str) -> None:
    """A session answers whatever comes, until it is closed."""
    was_closed = session.state == "closed"
    orders = session.receive(data, 0.0)
    assert bool(orders) is not was_closed
    assert any(isinstance(order, Close) for order in orders) is (
        session.state == "closed" and not was_closed
    )
    with contextlib.suppress(ProductError):
        decode(data, form)  # type: ignore[arg-type]


def corpus(folder: Path) -> None:
    """Where to begin: one of each."""
    said = [
        b'{"type":"auth","id":"1","token":"t"}',
        b'{"type":"resume","id":"1","token":"t","session":"s","epoch":"e","seq":1}',
        b'{"type":"ping","seq":1}',
        b'{"type":"message.send","id":"2","room":"r","text":"Hi"}',
        b"\x82\xa4type\xa4ping\xa3seq\x01",
    ]
    streams = [frame(TEXT, one) for one in said] + [frame(BINARY, one) for one in said]
    streams += [frame(TEXT, said[2][:9], fin=False) + frame(PING) + frame(CONT, said[2][9:])]
    streams += [close(1000, b"bye"), frame(CLOSE), frame(TEXT, b"x" * 200), b"\x81\xff" + b"\0" * 8]
    for i, stream in enumerate(streams):
        (folder / str(i)).write_bytes(bytes([i * 37 % 256]) + stream)


def main() -> None:
    """`fuzz_frames.py [-max_total_time=60] [FILE...]`: libFuzzer's own arguments."""
    folder = Path(tempfile.mkdtemp(prefix="kindred-fuzz-"))
    corpus(folder)
    given = sys.argv[1:]
    files = any(not one.startswith("-") for one in given)
    atheris.Setup([sys.argv[0], *given, *([] if files else [str(folder)])], one)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
