"""Somebody in a conversation over the real house: their line, ear, voice, wallet and messages."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import msgspec

from media.speech.ports import VoiceChoice
from rooms.calls.conversation import Conversation
from tests.live import Client, Live
from tests.rooms.calls.talking import Line, Notes, NumberEar, NumberVoice


class Talking:
    """A person in a conversation."""

    def __init__(
        self, live: Live, person: Client, room: Any, ear: Callable[[Line], Any] = NumberEar
    ) -> None:
        self.live, self.person, self.room = live, person, room
        self.line = Line()
        self.ear = ear(self.line)
        self.voice = NumberVoice()
        self.notes = Notes()
        self.conversation: Conversation
        self.who: Any = None
        self.ended: set[str] = set()

    async def done(self, count: int = 1) -> list[dict[str, Any]]:
        """The ends of so many replies, in order."""
        ends = [f for f in self.person.frames if f["type"] == "reply.done"]
        while len(ends) < count:
            await self.person.until("reply.done")
            ends = [f for f in self.person.frames if f["type"] == "reply.done"]
        self.ended |= {end["reply"] for end in ends}
        return ends

    async def companion_said(self, words: int) -> None:
        """So many words of the present reply were heard."""
        await self.notes.until(lambda: len(self._saying().split()) >= words)

    def _saying(self) -> str:
        """What is being said now, if it is a reply that had not ended the last time `done` saw."""
        last = [c for c in self.notes.captions if c.who == "companion"][-1:]
        return last[0].text if last and last[0].id not in self.ended else ""

    async def spent(self) -> int:
        answer = await self.person.rest("GET", "/api/v1/wallet/balance")
        wallet = answer.json()
        assert wallet["held_microcredits"] == 0
        return self.had - wallet["available_microcredits"]

    async def messages(self) -> list[dict[str, Any]]:
        answer = await self.person.rest("GET", f"/api/v1/rooms/{self.room.row.room}/messages")
        found = answer.json()
        items = found["items"] if isinstance(found, dict) else found
        return sorted(items, key=lambda message: message["n"])[1:]  # after the greeting


@asynccontextmanager
async def conversing(
    live: Live, ear: Callable[[Line], Any] = NumberEar, **settings: Any
) -> AsyncIterator[Talking]:
    person = await live.person()
    room_id = (await person.room())["id"]
    room = await live.house.realtime.holder.room(room_id)
    talking = Talking(live, person, room, ear)
    wallet = (await person.rest("GET", "/api/v1/wallet/balance")).json()
    talking.had = wallet["available_microcredits"]
    talking.who = await live.house.authenticate(person.token)
    talking.conversation = Conversation(
        room,
        talking.who,
        talking.ear,
        talking.voice,
        VoiceChoice(),
        msgspec.structs.replace(live.settings.voice, **settings),
        talking.notes,
    )
    pacing = asyncio.create_task(talking.line.run())
    running = asyncio.create_task(talking.conversation.run(talking.line))
    await talking.notes.until(lambda: talking.notes.events)
    yield talking
    talking.line.go()
    async with asyncio.timeout(10):
        await running
    pacing.cancel()
    await person.close()
