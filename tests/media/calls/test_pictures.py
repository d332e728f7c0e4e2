"""Pictures leave with their sound; a late one is dropped, and a keyframe asked for, not queued."""

from media.calls.pictures import MOST_WAITING, Pictures
from media.calls.wire import Picture


def picture(
    position: int | None, *, key: bool = False, epoch: int = 1, play_at_us: int = 0
) -> Picture:
    return Picture(
        epoch=epoch, position=position, play_at_us=play_at_us, key=key, codec="vp8", data=b"x"
    )


def started() -> Pictures:
    pictures = Pictures()
    assert not pictures.add(picture(0, key=True))
    assert pictures.due(0, 1, 0) == ([picture(0, key=True)], False)
    return pictures


def test_nothing_leaves_before_a_keyframe() -> None:
    pictures = Pictures()
    assert pictures.add(picture(0))
    assert pictures.due(0, 1, 0) == ([], False)


def test_a_picture_waits_for_its_sound() -> None:
    pictures = started()
    pictures.add(picture(960))
    assert pictures.due(10**9, 1, 480) == ([], False)
    assert pictures.due(10**9, 1, 960) == ([picture(960)], False)


def test_in_silence_it_leaves_at_its_time() -> None:
    pictures = started()
    pictures.add(picture(None, play_at_us=5_000))
    assert pictures.due(4_000, 1, None) == ([], False)
    assert pictures.due(5_000, 1, None)[0]


def test_a_late_one_is_dropped_with_all_that_build_on_it_until_a_keyframe() -> None:
    pictures = started()
    pictures.add(picture(960))
    pictures.add(picture(1920))
    out, ask = pictures.due(0, 1, 960 + 24 * 100)
    assert (out, ask) == ([], True)
    assert (pictures.dropped, pictures.freezes) == (2, 1)
    assert pictures.add(picture(2880))
    assert not pictures.add(picture(4800, key=True))
    assert pictures.due(0, 1, 4800)[0] == [picture(4800, key=True)]


def test_an_interruption_drops_what_belongs_to_the_old_epoch() -> None:
    pictures = started()
    pictures.add(picture(960))
    assert pictures.flush(2)
    assert pictures.due(10**9, 2, None) == ([], False)


def test_a_queue_that_is_full_is_emptied_to_the_next_keyframe() -> None:
    pictures = started()
    for n in range(MOST_WAITING):
        assert not pictures.add(picture(960 * (n + 1)))
    assert pictures.add(picture(960 * 99))
    assert pictures.dropped == MOST_WAITING
