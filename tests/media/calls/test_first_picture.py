"""The first picture: asked for when the peer connects, and again when it shows that it can see."""

import asyncio
from typing import Any

from media.calls.carrying import KEYFRAME_EVERY_US, Carried, now_us
from media.calls.engine import PeerEvents, Received
from media.calls.offers import Offer
from media.calls.opus import SILENCE
from media.calls.wire import FaceWanted, IceServer, KeyframeWanted, Picture


class PaperPeer:
    """Keeps what is sent."""

    codec: Any = "vp8"
    raw = False

    def __init__(self) -> None:
        self.pictures: list[bytes] = []
        self.stamps: list[tuple[int, int]] = []
        self.sounds = 0

    async def answer(self, offer: Offer) -> str:
        return ""

    async def add_candidate(self, mid: str, candidate: str) -> None: ...
    def send_sound(self, payload: bytes, sample: int, due_us: int) -> None:
        self.sounds += 1

    def send_message(self, data: bytes) -> None: ...
    def round_trip_ms(self) -> float | None:
        return None

    def send_picture(self, data: bytes, sample: int, due_us: int) -> None:
        self.pictures.append(data)
        self.stamps.append((sample, due_us))

    def want_picture(self) -> None: ...
    def want_no_picture(self) -> None: ...
    async def aclose(self) -> None: ...


class PaperEngine:
    """One peer, on paper."""

    def __init__(self) -> None:
        self.made = PaperPeer()

    def peer(
        self,
        events: PeerEvents,
        ice: tuple[IceServer, ...],
        *,
        video: bool,
        camera: bool = False,
    ) -> PaperPeer:
        return self.made


def wanted(told: list[Any]) -> int:
    return sum(isinstance(one, KeyframeWanted) for one in told)


async def test_a_keyframe_is_asked_for_again_with_the_first_sound_of_the_peer() -> None:
    engine, told, over = PaperEngine(), list[Any](), list[Carried]()
    leg = Carried("l", engine, (), "video", over.append)
    leg.attach_face(told.append)
    assert told == [FaceWanted(codec="vp8")]
    leg.on_state("connected", "host")
    assert wanted(told) == 1
    # It left at once, and before the peer could see: this one is lost.
    leg.picture(Picture(epoch=0, position=None, play_at_us=1, key=True, codec="vp8", data=b"key"))
    async with asyncio.timeout(10):
        while not engine.made.pictures:  # noqa: ASYNC110 - the leg's own timer
            await asyncio.sleep(0.01)
    for sequence in range(3):
        leg.on_sound(Received(7, sequence, sequence * 960, SILENCE))
    assert wanted(told) == 2, "once, with the first sound alone"
    leg.close("hung_up")
    assert over == [leg]


async def test_a_peer_that_asks_right_after_another_ask_gets_its_keyframe_soon() -> None:
    engine, told, over = PaperEngine(), list[Any](), list[Carried]()
    leg = Carried("l", engine, (), "video", over.append)
    leg.attach_face(told.append)
    leg.on_state("connected", "host")
    leg.on_keyframe_wanted()
    assert wanted(told) == 1, "the first one is on its way"
    async with asyncio.timeout(10):
        while wanted(told) < 2:  # noqa: ASYNC110 - the leg's own timer
            await asyncio.sleep(0.01)
    until = now_us() + 2 * KEYFRAME_EVERY_US
    async with asyncio.timeout(10):
        while now_us() < until:  # noqa: ASYNC110 - nothing more may come
            await asyncio.sleep(0.01)
    assert wanted(told) == 2
    leg.close("hung_up")
