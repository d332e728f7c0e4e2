"""Cuts a stream of bytes into the data of server-sent events, however the network split them.

Pure. Only `data` matters to us: the vendors repeat the event's name inside it.
"""

from typing import Final

from rooms.dialogue.ports import ModelBroken

LINE_BYTES_MAX: Final = 1_000_000


class EventData:
    """Feed blocks in order; get the data of each line that is complete."""

    __slots__ = ("_rest",)

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, block: bytes) -> list[bytes]:
        """The data of the lines that end in this block. Raises ModelBroken for a line too long."""
        lines = (self._rest + block).split(b"\n")
        self._rest = lines.pop()
        if len(self._rest) > LINE_BYTES_MAX:
            raise ModelBroken("the provider sent a line without end")
        return [line[5:].strip() for line in lines if line.startswith(b"data:")]

    def finish(self) -> list[bytes]:
        """The last line, where the body ended without a line break."""
        return self.feed(b"\n") if self._rest else []
