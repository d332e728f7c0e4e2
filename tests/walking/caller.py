"""A person who calls, through a whole house whose listening and speaking is on paper."""

from typing import Any

import pytest

from rooms.calls.call import Call
from rooms.commands import CallEnd, CallJoin
from rooms.errors import ProductError
from rooms.ports import Principal
from tests.live import Client, Live
from tests.rooms.calls.doubles import PaperLeg, PaperTalk, PaperVoices
from tests.soon import until

ALL = 10_000_000  # the free plan's day
SECOND = 15_000


class Clock:
    """The calls' clock, moved by hand."""

    def __init__(self) -> None:
        self.ms = 1_000_000

    def __call__(self) -> int:
        return self.ms


class Caller:
    """A person who calls: their legs, and the time that passes for them."""

    def __init__(self, live: Live, person: Client, room: str) -> None:
        self.live, self.person, self.room = live, person, room
        self.parts = live.house.room_parts.calls
        if not isinstance(self.parts.voices, PaperVoices):
            self.parts.voices = PaperVoices()
            self.parts.clock_ms = Clock()
        self.voices: PaperVoices = self.parts.voices
        self.clock: Clock = self.parts.clock_ms

    @property
    def talk(self) -> PaperTalk:
        return self.voices.talks[-1]

    async def who(self) -> Principal:
        return await self.live.house.authenticate(self.person.token)

    async def join(self, leg: PaperLeg | None = None, **more: Any) -> tuple[str, PaperLeg]:
        """Call, by a leg that waits in this gateway."""
        leg = leg or PaperLeg()
        self.live.house.realtime.legs.wait(leg)
        more.setdefault("kind", "voice")
        command = CallJoin(id="1", room=self.room, leg=leg.address, **more)
        answer = await self.live.house.realtime.command(
            await self.who(), command, f"k-{leg.address.leg}"
        )
        return answer.call, leg

    async def refused(self, leg: PaperLeg | None = None, **more: Any) -> ProductError:
        with pytest.raises(ProductError) as caught:
            await self.join(leg, **more)
        return caught.value

    async def live_call(self) -> tuple[str, PaperLeg]:
        call, leg = await self.join()
        leg.connect()
        await self.person.until(lambda f: f["type"] == "call.updated" and f["state"] == "live")
        await until(lambda: self.call is not None and self.call.life.metered)
        return call, leg

    @property
    def call(self) -> Call | None:
        held = self.live.house.realtime.holder.live.get(self.room)
        return held.calls.now if held is not None else None

    async def pass_time(self, seconds: float, step_ms: int = 250) -> None:
        """Let the calls' time go by; what that brings is carried out between two steps."""
        for _ in range(int(seconds * 1000 / step_ms)):
            self.clock.ms += step_ms
            if (call := self.call) is not None:
                call.look()
                await until(lambda: not call.life.extending or not call.going_on)

    async def hang_up(self) -> None:
        await self.live.house.realtime.command(
            await self.who(), CallEnd(id="2", room=self.room), "bye"
        )

    async def ended(self) -> dict[str, Any]:
        """The end of the last call (which may have been read already)."""
        started = self.person.frames_of("call.started")
        call = started[-1] if started else await self.person.until("call.started")
        for frame in self.person.frames_of("call.ended"):
            if frame["call"] == call["call"]:
                return frame
        return await self.person.until(
            lambda f: f["type"] == "call.ended" and f["call"] == call["call"]
        )

    async def paid(self) -> int:
        found = (await self.person.rest("GET", "/api/v1/wallet/balance")).json()
        assert found["held_microcredits"] == 0
        return ALL - int(found["available_microcredits"])


async def caller(live: Live, **changes: Any) -> Caller:
    person = await live.person(**changes)
    return Caller(live, person, (await person.room())["id"])
