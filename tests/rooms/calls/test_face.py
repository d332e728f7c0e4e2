"""A call's face: it goes to the leg, follows the conversation, and its loss costs only itself."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec

from config.faces import FaceSettings
from media.avatar.appearance import Appearance
from media.avatar.rendering.links import FaceLinks
from media.avatar.rendering.wire import OpenFace, Speak
from media.calls.leg import LegAddress, LegEvent, Played
from media.speech.ports import Spoken, Viseme
from rooms.calls.around import Caption, TurnTimes
from rooms.calls.face import CallFace, Faces, ShownTalk
from rooms.errors import ProductError, Unavailable
from tests.media.avatar.rendering.conftest import short_folder
from tests.media.avatar.rendering.test_attach import FakeLeg, leg_in
from tests.media.avatar.rendering.test_server import serving
from tests.rooms.calls.doubles import PaperLeg, PaperTalk
from tests.soon import until

__all__ = ["short_folder"]
LOOK = msgspec.json.encode(Appearance(origin="european"))


class Notes:
    """The call around: counts what is handed on."""

    def __init__(self) -> None:
        self.heard: list[object] = []

    def caption(self, caption: Caption) -> None:
        self.heard.append(caption)

    def paused(self) -> None:
        self.heard.append("paused")

    def turned(self, times: TurnTimes) -> None:
        self.heard.append(times)

    def refused(self, refusal: ProductError) -> None:
        self.heard.append(refusal)

    def sounding(self, epoch: int, at_sample: int, piece: Spoken) -> None:
        self.heard.append(piece)

    def happened(self, event: LegEvent) -> None:
        self.heard.append(event)


def face_on(links: FaceLinks) -> tuple[CallFace, Notes]:
    async def looks(_companion: str) -> bytes:
        return LOOK

    notes = Notes()
    settings = FaceSettings(size=256)
    return CallFace(notes, Faces(links, looks, settings), "anna", LOOK), notes


def shown(links: FaceLinks) -> OpenFace:
    """What a worker would be told first."""
    [face] = links.faces.values()
    begun = face.story()[0]
    assert isinstance(begun, OpenFace)
    return begun


def address(transport: Any = "webrtc") -> LegAddress:
    return LegAddress(leg="l", address="unix:/nowhere", key="k", transport=transport)


async def test_everything_is_handed_on_with_or_without_a_face() -> None:
    for transport in ("webrtc", "socket"):
        face, notes = face_on(FaceLinks([], ""))
        face.show(address(transport))
        told: list[object] = [
            Caption(id="1", who="person", text="hi", final=True),
            Spoken(pcm=b"\0\0"),
            Played(epoch=1, samples=0, clock_us=1),
            TurnTimes(reply="r"),
            Unavailable("no", code="busy"),
        ]
        face.caption(told[0])  # type: ignore[arg-type]
        face.sounding(1, 0, told[1])  # type: ignore[arg-type]
        face.happened(told[2])  # type: ignore[arg-type]
        face.turned(told[3])  # type: ignore[arg-type]
        face.refused(told[4])  # type: ignore[arg-type]
        assert notes.heard == told
        face.hide()
        face.hide()


async def test_a_leg_without_pictures_opens_no_face() -> None:
    links = FaceLinks([], "")
    face, _ = face_on(links)
    face.show(address("socket"))
    assert links.faces == {}


async def test_the_first_leg_is_greeted_and_a_later_one_is_not() -> None:
    links = FaceLinks([], "")
    face, _ = face_on(links)
    face.show(address())
    first = shown(links)
    assert (first.attitude, first.seed, first.size) == ("greeting", "anna", 256)
    assert first.leg == address()
    face.show(address())
    assert shown(links).attitude == "listening"
    assert shown(links).face != first.face


async def test_what_was_played_need_not_be_said_again() -> None:
    links = FaceLinks([], "")
    face, _ = face_on(links)
    face.show(address())
    for second in range(10):
        face.sounding(1, second * 24_000, Spoken(pcm=bytes(48_000)))
    face.happened(Played(epoch=1, samples=8 * 24_000 + 1, clock_us=5))
    [shown_face] = links.faces.values()
    assert sum(isinstance(told, Speak) for told in shown_face.story()) == 2


@asynccontextmanager
async def a_call(folder: Path) -> AsyncIterator[tuple[FakeLeg, Any, CallFace, ShownTalk, PaperLeg]]:
    async with leg_in(folder) as leg, serving(folder) as (server, where):
        links = FaceLinks([where], "k")
        running = asyncio.create_task(links.run())
        face, notes = face_on(links)
        paper = PaperLeg()
        paper.address = leg.address
        talk = ShownTalk(PaperTalk(None, "anna", notes), face)  # type: ignore[arg-type]
        talking = asyncio.create_task(talk.run(paper))
        try:
            await leg.picture()
            yield leg, server, face, talk, paper
        finally:
            talking.cancel()
            running.cancel()
            await asyncio.wait([talking, running])


async def test_the_face_listens_thinks_speaks_feels_and_says_goodbye(short_folder: Path) -> None:
    async with a_call(short_folder) as (_leg, server, face, talk, paper):
        [session] = server.device.sessions.values()
        director = session.director
        face.caption(Caption(id="p", who="person", text="so I"))
        await until(lambda: director.attitude == "listening")
        face.caption(Caption(id="p", who="person", text="so I came", final=True))
        await until(lambda: director.attitude == "thinking")
        face.sounding(1, 0, Spoken(pcm=bytes(48_000), visemes=(Viseme("aa", 0, 2400),)))
        await until(lambda: director.attitude == "speaking")
        face.caption(Caption(id="r", who="companion", text="Oh! *laughs*"))
        await until(lambda: director._feeling.name == "joy")
        face.happened(Played(epoch=1, samples=2400, clock_us=1, dry=True))
        await until(lambda: director.attitude == "listening")
        await talk.say("Goodbye", interruptible=False)
        await until(lambda: director.attitude == "goodbye")
        paper.lose()
        await until(lambda: not server.device.sessions)


async def test_a_lost_face_leaves_the_call_as_it_is(short_folder: Path) -> None:
    async with a_call(short_folder) as (leg, _server, face, _talk, paper):
        from media.calls.leg import Gone

        leg.tell(Gone(reason="failed"))
        await until(lambda: face._face is None)
        face.sounding(1, 0, Spoken(pcm=bytes(480)))
        face.behave("thinking")
        assert paper.closed is None
