"""A call that somebody may record: both sides sound on paper, what is kept of them is real."""

from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from media.calls.leg import Heard, Played
from tests.live import Client, Live
from tests.rooms.calls.doubles import PaperLeg
from tests.soon import until
from tests.walking.caller import Caller, caller

RECORDINGS = "/api/v1/media/recordings"
STEP_MS = 100


def tone(rate: int, hz: float, ms: int, from_ms: int) -> bytes:
    at = np.arange(rate * ms // 1000) / rate + from_ms / 1000
    return (np.sin(2 * np.pi * hz * at) * 9_000).astype("<i2").tobytes()


class Recorded:
    """A caller and their leg. `talk` lets both sides sound for so long."""

    def __init__(self, one: Caller, call: str, leg: PaperLeg) -> None:
        self.one, self.call, self.leg = one, call, leg
        self.person = one.person
        self.spoken_ms = 0
        self.played = 0

    @property
    def taping(self) -> Any:
        assert self.one.call is not None
        return self.one.call.taping

    async def talk(self, ms: int, hz: tuple[float, float] = (440, 1_320)) -> None:
        """The person left, the companion right."""
        talk = self.one.talk
        for _ in range(ms // STEP_MS):
            at = self.spoken_ms
            self.one.clock.ms += STEP_MS
            talk.leg.flush(1)
            talk.leg.play(1, tone(24_000, hz[1], STEP_MS, at))
            self.played += 24 * STEP_MS
            self.leg.happens(Heard(pcm=tone(16_000, hz[0], STEP_MS, at), at_sample=at * 16))
            self.leg.happens(Played(epoch=1, samples=self.played, clock_us=0))
            await until(lambda: self.leg._events.empty())
            self.spoken_ms += STEP_MS

    async def kept(self, ms: int) -> None:
        """So much of it lies sealed."""
        await until(lambda: self.taping._now is None or self.taping._now.ms >= ms)
        await until(lambda: self.taping._now is None or not self.taping._now.unkept)

    async def agree(self, on: bool = True, person: Client | None = None) -> dict[str, Any]:
        command = {"type": "call.record", "room": self.one.room, "on": on}
        return await (person or self.person).ask(command)

    async def told(self, state: str, person: Client | None = None) -> dict[str, Any]:
        return await (person or self.person).until(
            lambda f: f["type"] == "call.recording" and f["state"] == state
        )

    async def hang_up(self) -> dict[str, Any]:
        await self.one.hang_up()
        return await self.one.ended()

    async def listed(self, person: Client | None = None) -> list[dict[str, Any]]:
        """Recordings of calls, once nothing waits to be put together."""
        live = self.one.live
        while await live.house.db.fetchval("SELECT count(*) FROM tapes"):
            await until(lambda: True)
        answer = await (person or self.person).rest("GET", f"{RECORDINGS}?kind=call")
        items: list[dict[str, Any]] = answer.json()["items"]
        return items

    async def sound(self, recording: str, person: Client | None = None) -> Any:
        return await (person or self.person).rest("GET", f"{RECORDINGS}/{recording}/sound")


def files(live: Live) -> list[Path]:
    """Everything sealed that lies in the data folder."""
    folder = Path(live.settings.data) / "recordings"
    return [path for path in folder.glob("??/*") if path.is_file()]


async def consent(person: Client, *, on: bool = True) -> None:
    body = {"purpose": "recording", "granted": on}
    answer = await person.rest("POST", "/api/v1/privacy/consents", json=body)
    assert answer.status_code == 201, answer.text


async def in_call(live: Live, *, agrees: bool = True, **settings: Any) -> Recorded:
    """A call that stands; parts are kept five times a second."""
    tapes = live.house.recordings.tapes
    quick = {"call_part_seconds": 0.2, **settings}
    tapes.settings = msgspec.structs.replace(tapes.settings, **quick)
    one = await caller(live)
    if agrees:
        await consent(one.person)
    call, leg = await one.live_call()
    return Recorded(one, call, leg)


async def second_person(live: Live, recorded: Recorded) -> Client:
    """Somebody else in the same room."""
    other = await live.person()
    room = recorded.one.room
    made = await recorded.person.rest("POST", f"/api/v1/rooms/{room}/invitations", json={})
    joined = await other.rest("POST", f"/api/v1/invitations/{made.json()['code']}")
    assert joined.status_code in {200, 201}, joined.text
    return other


async def nothing_kept(live: Live) -> bool:
    counts = await live.house.db.fetchrow(
        "SELECT (SELECT count(*) FROM recordings) AS a, (SELECT count(*) FROM tapes) AS b, "
        "(SELECT count(*) FROM tape_parts) AS c"
    )
    return (tuple(counts), files(live)) == ((0, 0, 0), [])
