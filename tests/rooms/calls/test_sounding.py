"""Where a call's sound stands: told when it begins, holds, jumps or ends, else once a second."""

from media.calls.leg import Played
from rooms.calls.sounding import Soundings, Standing

MS = 24


def at(
    ms: int, samples_ms: int, epoch: int = 1, *, dry: bool = False, still: bool = False
) -> Played:
    return Played(epoch=epoch, samples=samples_ms * MS, clock_us=ms * 1000, dry=dry, still=still)


def test_a_steady_sound_is_told_at_its_beginning_and_once_a_second() -> None:
    soundings = Soundings()
    told = [ms for ms in range(20, 3_020, 100) if soundings.read(at(ms, ms))]
    assert told == [20, 1_020, 2_020]


def test_a_pause_is_told_at_once_and_so_is_its_end() -> None:
    soundings = Soundings()
    assert soundings.read(at(20, 20)) == Standing(1, 20 * MS, True)
    assert soundings.read(at(300, 300, still=True)) == Standing(1, 300 * MS, False)
    assert soundings.read(at(900, 300, still=True)) is None
    assert soundings.read(at(1_000, 320)) == Standing(1, 320 * MS, True)


def test_a_cut_and_what_is_said_next_are_told() -> None:
    soundings = Soundings()
    soundings.read(at(20, 20))
    assert soundings.read(at(400, 400, still=True)) == Standing(1, 400 * MS, False)
    assert soundings.read(at(700, 20, epoch=2)) == Standing(2, 20 * MS, True)
    assert soundings.read(at(1_000, 320, epoch=2, dry=True)) == Standing(2, 320 * MS, False)


def test_a_jump_of_the_sound_is_told_before_the_second_is_over() -> None:
    soundings = Soundings()
    soundings.read(at(20, 20))
    assert soundings.read(at(120, 110)) is None
    assert soundings.read(at(320, 220)) == Standing(1, 220 * MS, True)


def test_silence_before_the_first_word_is_not_worth_telling() -> None:
    assert Soundings().read(at(20, 0, still=True)) is None
