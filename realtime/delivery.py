"""When the last byte of a traced reply left a socket: the end of its trace on the asker's node.

Exists only for sockets whose commands are traced; others look at one empty slot per frame.
"""

import time
from collections import deque
from collections.abc import Awaitable
from typing import Final

import msgspec

from realtime.told import Told
from rooms.commands import Answer, MessageEdit, MessageSend, ReplyCreate
from rooms.spans import Step, Traces, beginning

WATCHED_MAX: Final = 8
TURNS: Final = (MessageSend, MessageEdit, ReplyCreate)  # commands that begin one
_DONE: Final = b'{"type":"reply.done"'


class _Done(msgspec.Struct):
    reply: str


_decode = msgspec.json.Decoder(_Done).decode


class Delivery:
    """`expect` a reply, tell it of every entry that `left`; it ends the reply's step."""

    __slots__ = ("_expected", "_gone")

    def __init__(self) -> None:
        self._expected: dict[str, Step] = {}
        self._gone: deque[tuple[str, int]] = deque(maxlen=WATCHED_MAX)

    def expect(self, reply: str, step: Step) -> None:
        """End `step` when the reply has left. It may have done so already: answers travel too."""
        for gone, at_ns in self._gone:
            if gone == reply:
                step.end(at_ns)
                return
        if len(self._expected) >= WATCHED_MAX:
            self._finish(next(iter(self._expected)), "overtaken")
        self._expected[reply] = step

    def left(self, told: Told) -> None:
        """An entry was handed to the transport."""
        if told.reply in self._expected:
            self._expected[told.reply].mark("a delta left")
        elif told.event.startswith(_DONE):
            reply = _decode(told.event).reply
            self._gone.append((reply, time.time_ns()))
            self._finish(reply, "last byte")

    def lost(self) -> None:
        """The socket is gone; what was not delivered never will be, here."""
        for reply in tuple(self._expected):
            self._finish(reply, "socket lost")

    def _finish(self, reply: str, how: str) -> None:
        step = self._expected.pop(reply, None)
        if step is not None:
            step.tell(ended=how)
            step.end()


async def traced(traces: Traces, delivery: Delivery, kind: str, work: Awaitable[Answer]) -> Answer:
    """Carry a command out inside a trace that begins here and ends with the reply's last byte."""
    with beginning(traces, "frame", kind=kind) as frame:
        answer = await work
        if answer.reply:
            frame.tell(reply=answer.reply)
            delivery.expect(answer.reply, traces.begun("delivered", {"reply": answer.reply}))
        return answer
