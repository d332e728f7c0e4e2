"""Where a picture lies on the leg's clock: with its sound, or now; never in a time to come.

A browser shows a picture by its stamp: one far ahead holds up all that follow it.
"""

import asyncio

from media.calls.carrying import Carried
from media.calls.wire import Picture
from media.sound.formats import PLAYOUT_RATE
from tests.media.calls.test_first_picture import PaperEngine
from tests.soon import until


def picture(epoch: int, position: int, *, key: bool = False) -> Picture:
    return Picture(
        epoch=epoch, position=position, play_at_us=1, key=key, codec="vp8", data=b"picture"
    )


async def test_a_late_picture_of_interrupted_sound_does_not_hold_up_those_after_it() -> None:
    """It was drawn for the fifth second of what is over, and comes while the first is spoken."""
    engine, over = PaperEngine(), list[Carried]()
    leg, peer = Carried("l", engine, (), "video", over.append), engine.made
    leg.attach_face(lambda _: None)
    leg.on_state("connected", "host")
    leg.flush(1)
    leg.flush(2)
    leg.play(2, bytes(2 * PLAYOUT_RATE))
    await until(lambda: peer.sounds > 2)
    leg.picture(picture(1, 5 * PLAYOUT_RATE, key=True))
    await until(lambda: len(peer.stamps) == 1)
    leg.picture(picture(2, 0))
    await until(lambda: len(peer.stamps) == 2)
    now = asyncio.get_running_loop().time()
    late, after = (due_us / 1_000_000 for _, due_us in peer.stamps)
    assert late < now, "its time is not to come"
    assert after < now
    leg.close("hung_up")
    assert over == [leg]
