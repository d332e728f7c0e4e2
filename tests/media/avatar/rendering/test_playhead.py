"""The playhead: between two tellings of the leg, the place of the sound follows the clock."""

from media.avatar.rendering.playhead import STALE_US, Playhead, samples_of


def test_it_runs_on_between_tellings_and_stops_when_the_leg_does() -> None:
    head = Playhead()
    assert head.at(5) is None
    head.told(1, 0, 1_000_000, playing=True)
    assert head.at(1_000_000) == 0
    assert head.at(1_500_000) == 12_000
    assert head.at(900_000) is None  # before it began
    head.told(1, 12_000, 1_500_000, playing=False)
    assert head.at(1_510_000) is None


def test_jitter_of_the_telling_does_not_shake_the_picture_and_a_jump_is_taken_at_once() -> None:
    head = Playhead()
    head.told(1, 0, 0, playing=True)
    head.told(1, 2400, 104_000, playing=True)  # 4 ms late
    place = head.at(200_000)
    assert place is not None
    assert 4800 - 30 <= place <= 4800
    head.told(1, 24_000, 204_000, playing=True)
    assert head.at(204_000) == 24_000


def test_small_errors_are_worked_off_so_that_nothing_drifts() -> None:
    head = Playhead()
    drifted = 1.0001  # a leg whose sound is slower than the clock says
    for tenth in range(20_000):
        head.told(1, tenth * 2400, int(tenth * 100_000 * drifted), playing=True)
    true = 19_999 * 2400
    place = head.at(int(19_999 * 100_000 * drifted))
    assert place is not None
    assert abs(place - true) < 24  # 1 ms after half an hour


def test_an_older_epoch_is_ignored_and_a_silent_leg_is_not_believed_for_long() -> None:
    head = Playhead()
    head.told(3, 100, 0, playing=True)
    head.told(2, 0, 10, playing=True)
    assert head.epoch == 3
    assert head.at(STALE_US) is not None
    assert head.at(STALE_US + 1) is None
    head.flush(4)
    assert head.at(20) is None
    head.flush(3)
    assert head.epoch == 4
    assert samples_of(1_000_000) == 24_000
