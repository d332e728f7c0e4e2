"""Two sides on one timeline: who spoke when, whatever the clocks and the lines do."""

import struct

from media.recording.tape import MARGIN_MS, Cut, Tape


def person(ms: int, level: int = 1000) -> bytes:
    return struct.pack("<h", level) * (ms * 16)


def companion(ms: int, level: int = 2000) -> bytes:
    return struct.pack("<h", level) * (ms * 24)


def sounding(pcm: bytes, rate: int) -> list[tuple[int, int]]:
    """The stretches that are not silent, in ms."""
    samples = struct.unpack(f"<{len(pcm) // 2}h", pcm)
    found: list[tuple[int, int]] = []
    for at in range(0, len(samples), rate // 1000):
        if samples[at]:
            ms = at * 1000 // rate
            if found and found[-1][1] == ms:
                found[-1] = (found[-1][0], ms + 1)
            else:
                found.append((ms, ms + 1))
    return found


def whole(tape: Tape, now_ms: int) -> Cut:
    return tape.cut(now_ms, whole=True)


def test_both_sides_lie_where_they_sounded_and_are_equally_long() -> None:
    tape = Tape(1_000)
    for n in range(50):  # the person speaks from 0 to 1 s
        tape.heard(n * 320, person(20), 1_020 + n * 20)
    tape.queued(1, 0, companion(500))
    for n in range(1, 6):  # the companion from 2 to 2.5 s
        tape.played(1, n * 2_400, 3_000 + n * 100)
    cut = whole(tape, 4_000)
    assert cut.ms == 3_000
    assert len(cut.companion) // 24 == len(cut.person) // 16 == 3_000 * 2
    assert sounding(cut.person, 16_000) == [(0, 1_000)]
    assert sounding(cut.companion, 24_000) == [(2_000, 2_500)]


def test_what_was_queued_and_never_left_is_not_on_it() -> None:
    tape = Tape(0)
    tape.queued(1, 0, companion(2_000))
    tape.played(1, 2_400, 100)
    tape.played(1, 7_200, 300)
    tape.queued(2, 0, companion(100, 3000))  # an interruption, then something new
    tape.played(1, 9_600, 400)  # the last word about what had left
    tape.played(2, 2_400, 700)
    cut = whole(tape, 1_000)
    assert sounding(cut.companion, 24_000) == [(0, 400), (600, 700)]


def test_a_tape_that_begins_in_mid_word_knows_what_it_was_not_shown() -> None:
    tape = Tape(0)
    tape.queued(1, 24_000, companion(1_000))  # a second was given before
    tape.played(1, 12_000, 500)
    assert sounding(whole(tape, 500).companion, 24_000) == []
    tape.played(1, 36_000, 1_500)
    assert sounding(whole(tape, 1_500).companion, 24_000) == [(500, 1_000)]


def test_a_gap_of_the_line_stays_a_gap() -> None:
    tape = Tape(0)
    tape.heard(0, person(200), 200)
    tape.heard(16 * 700, person(200), 900)  # 500 ms were lost; its clock ran on
    assert sounding(whole(tape, 1_000).person, 16_000) == [(0, 200), (700, 900)]


def test_a_burst_after_a_silence_of_the_line_is_not_laid_before_it() -> None:
    tape = Tape(0)
    tape.heard(0, person(100), 100)
    tape.heard(1_600, person(100), 5_000)  # the clock stood still for nearly five seconds
    assert sounding(whole(tape, 5_000).person, 16_000) == [(0, 100), (4_900, 5_000)]


def test_another_leg_has_another_clock() -> None:
    tape = Tape(0)
    tape.heard(0, person(1_000), 1_000)
    tape.another_leg()
    tape.heard(0, person(500), 3_000)
    assert sounding(whole(tape, 3_000).person, 16_000) == [(0, 1_000), (2_500, 3_000)]


def test_cutting_it_up_loses_and_doubles_nothing() -> None:
    one, other = Tape(0), Tape(0)
    pieces = []
    for n in range(400):
        for tape in (one, other):
            tape.heard(n * 320, person(20, n + 1), (n + 1) * 20)
            tape.queued(1, n * 480, companion(20, n + 1))
            tape.played(1, (n + 1) * 480, (n + 1) * 20)
        if n % 37 == 0:
            pieces.append(other.cut((n + 1) * 20))
    pieces.append(whole(other, 8_000))
    uncut = whole(one, 8_000)
    assert b"".join(piece.person for piece in pieces) == uncut.person
    assert b"".join(piece.companion for piece in pieces) == uncut.companion
    assert uncut.ms == 8_000


def test_what_is_not_settled_yet_is_left_for_the_next_cut() -> None:
    tape = Tape(0)
    assert tape.cut(MARGIN_MS).ms == 0
    assert tape.cut(MARGIN_MS + 200).ms == 200
    assert tape.cut(MARGIN_MS + 100).ms == 0  # never backwards


def test_a_cut_can_be_shortened_to_whole_frames() -> None:
    tape = Tape(0)
    tape.heard(0, person(1_000), 1_000)
    short = whole(tape, 1_000).shortened(510)
    assert (short.ms, len(short.companion)) == (500, 500 * 48)


def test_nothing_grows_where_nothing_leaves() -> None:
    tape = Tape(0)
    for n in range(1_000):
        tape.queued(1, n * 2_400, companion(100))
    tape.played(1, 1_000 * 2_400, 60_000)
    cut = whole(tape, 60_000)
    assert sum(b - a for a, b in sounding(cut.companion, 24_000)) <= 6_000
