"""The caller of the load tester: what it measures of a call, and what it says of a refused one."""

import time
from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from loadtest.clients.call import RATE
from loadtest.clients.landed import KEPT_PACKETS, Landed
from loadtest.clients.listening import FRAME_SECONDS, QUIET_SECONDS, Listening
from loadtest.clients.wire import Trouble
from loadtest.driver import Driver
from loadtest.measure import seconds_at
from loadtest.outcome import Totals
from loadtest.scenarios import load
from loadtest.speech import NoLines, lines_of
from media.sound.wav import wav_of
from tests.loadtest.small import person, plan
from tests.loadtest.small_phone import SmallPhone

asynchronous = pytest.mark.asyncio
LOUD, QUIET = -20.0, -90.0


@pytest.fixture
async def phone() -> AsyncIterator[SmallPhone]:
    async with SmallPhone().serving() as serving:
        yield serving


@pytest.fixture
def lines(tmp_path: Path) -> Path:
    """One line of 0.4 s, at another rate."""
    tone = 9_000 * np.sin(np.arange(6_400) * 2 * np.pi * 300 / 16_000)
    (tmp_path / "line.wav").write_bytes(wav_of(tone.astype("<i2").tobytes(), 16_000))
    return tmp_path


def listened(levels: list[float], at: float = 10.0) -> Listening:
    listening = Listening()
    for number, level in enumerate(levels):
        listening.frame(at + number * FRAME_SECONDS, level)
    return listening


def test_speech_begins_at_its_first_voiced_frame_and_is_over_after_a_pause() -> None:
    listening = listened([QUIET] * 10 + [LOUD] * 5)
    assert listening.began_since(10.1) == pytest.approx(10.2)
    assert listening.began_since(10.25) is None, "it had begun before"
    assert not listening.over(10.3)
    assert listening.over(10.3 + QUIET_SECONDS)
    assert listening.spell is not None
    assert listening.spell.voiced_seconds == pytest.approx(0.1)


def test_a_pause_between_clauses_is_no_new_speech() -> None:
    pause = int(QUIET_SECONDS / FRAME_SECONDS) - 2
    listening = listened([LOUD] * 3 + [QUIET] * pause + [LOUD] * 3)
    assert listening.began_since(10.0) == 10.0
    assert listening.began_since(10.0 + pause * FRAME_SECONDS) is None


def test_a_hole_is_counted_and_frames_in_time_are_not_late() -> None:
    listening = listened([QUIET] * 5)
    listening.frame(10.0 + 5 * FRAME_SECONDS + 0.2, QUIET)
    assert listening.gaps == [pytest.approx(0.2 + FRAME_SECONDS)]
    assert listening.late_seconds[:4] == [pytest.approx(0.0)] * 4
    assert listening.late_seconds[4] == pytest.approx(0.2)


def test_a_silence_that_is_not_sent_is_neither_a_hole_nor_late() -> None:
    listening = listened([LOUD] * 5 + [QUIET])
    listening.frame(13.0, LOUD, 3.0)
    listening.frame(13.05, LOUD, 3.02)
    assert listening.gaps == []
    assert listening.late_seconds[-2:] == [pytest.approx(0.0), pytest.approx(0.03)]


def test_sound_cut_off_in_mid_voice_is_a_hole_whatever_its_stamps_say() -> None:
    listening = listened([QUIET] + [LOUD] * 5)
    listening.frame(10.4, LOUD, 0.4)
    assert listening.gaps == [pytest.approx(0.3)]


def test_what_the_callers_own_buffer_holds_back_is_no_hole_and_not_late() -> None:
    """It gives the last packets of a clause out when those of the next one push them on."""
    listening = Listening()
    for number in range(10):
        pause = 1.5 if number >= 5 else 0.0
        landed = 10.0 + pause + number * FRAME_SECONDS
        at = landed + (1.5 if number in {3, 4} else 0.08)
        level = QUIET if number == 4 else LOUD
        listening.frame(at, level, pause + number * FRAME_SECONDS, landed)
    assert listening.gaps == []
    assert listening.late_seconds == [pytest.approx(0.0)] * 9


def test_speech_is_dated_by_the_packet_it_begins_with() -> None:
    listening = Listening()
    for number, level in enumerate([QUIET, LOUD, LOUD]):
        at = number * FRAME_SECONDS
        listening.frame(10.1 + at, level, at, 10.0 + at)
    assert listening.spell is not None
    assert listening.spell.landed_at == pytest.approx(10.02)
    assert listening.spell.began_at == pytest.approx(10.12)


@asynchronous
async def test_a_frame_leads_back_to_its_packet_though_stamps_wrap_around() -> None:
    passed: list[int] = []

    class Receiver:
        _RTCRtpReceiver__timestamp_mapper = SimpleNamespace(_origin=None)

        async def _handle_rtp_packet(self, packet: SimpleNamespace, arrival_time_ms: int) -> None:
            passed.append(packet.timestamp)

    receiver: Any = Receiver()
    clock = iter(range(10_000))
    landed = Landed(receiver, lambda: float(next(clock)))
    assert landed.at(0) is None
    begin = 2**32 - 960
    receiver._RTCRtpReceiver__timestamp_mapper = SimpleNamespace(_origin=begin)
    for n in range(KEPT_PACKETS + 1):
        await receiver._handle_rtp_packet(SimpleNamespace(timestamp=(begin + 960 * n) % 2**32), 0)
    assert len(passed) == KEPT_PACKETS + 1, "the receiver gets them all"
    assert landed.at(960) == 1.0
    assert landed.at(0) is None, "too long ago"
    assert landed.at(None) is None


@asynchronous
async def test_voice_to_voice_is_the_time_from_the_last_sound_said(
    phone: SmallPhone, lines: Path
) -> None:
    phone.thinks_seconds = 0.4
    who = person(phone)
    (line,) = await lines_of(str(lines))
    assert len(line) == pytest.approx(0.4 * RATE * 2, abs=64)
    async with who.call("r_1") as call:
        await call.greeted()
        took = await call.say(line)
        await call.quiet()
    assert 0.4 <= took < 0.4 + 5.0, "and what a busy machine adds"
    packet, heard = (who.measures.times[name] for name in ("voice_to_packet", "voice_to_voice"))
    assert packet.total_count == heard.total_count == 1
    assert 0.35 <= seconds_at(packet, 50) < seconds_at(heard, 50), "a buffer lies between"
    assert phone.hung_up == ["k_0"]
    assert [caption["text"] for caption in call.captions] == ["hi"]


@asynchronous
async def test_a_refused_call_tells_its_code(phone: SmallPhone) -> None:
    phone.refuse = "out_of_credits"
    with pytest.raises(Trouble) as refused:
        async with person(phone).call("r_1"):
            pass
    assert refused.value.code == "out_of_credits"
    assert phone.asked == ["room=r_1&kind=voice"]


@asynchronous
async def test_a_companion_that_does_not_answer_is_an_error_of_its_own(
    phone: SmallPhone, lines: Path
) -> None:
    phone.greets = False
    began = time.perf_counter()
    with pytest.raises(Trouble) as silent:
        async with person(phone, timeout_seconds=1.5).call("r_1") as call:
            await call.greeted()
    assert silent.value.code == "no_greeting"
    assert time.perf_counter() - began < 15


@asynchronous
async def test_the_scenario_calls_talks_and_hangs_up(phone: SmallPhone, lines: Path) -> None:
    phone.thinks_seconds = 1.0  # a caller held up for a while has not finished speaking
    ordered = plan(
        phone.target,
        scenario="voice",
        for_seconds=5.0,
        every_seconds=2.0,
        model="closed",
        options={"wav": str(lines)},
    )
    totals = Totals()
    await Driver(ordered, load("voice"), totals.add).run()
    assert totals.counted("replies") == totals.counted("turns") >= 1
    assert totals.counted("errors") == 0
    assert totals.counted("sound_frames") > 100
    assert (totals.timed("p", "voice_to_voice", 50) or 0) >= 0.5


@asynchronous
async def test_a_folder_without_sound_is_told(tmp_path: Path) -> None:
    with pytest.raises(NoLines, match=r"no \.wav"):
        await lines_of(str(tmp_path))
    (tmp_path / "broken.wav").write_bytes(b"RIFF")
    with pytest.raises(NoLines, match=r"broken\.wav"):
        await lines_of(str(tmp_path))
