"""Voice activity and the end of a turn, as the shipped networks judge synthesised speech."""

import numpy as np
import pytest

from config.turn_model import MODEL_BYTES, NotHad, installed_path, is_installed, taken_out
from media.hearing.activity import WINDOW_SAMPLES, Memory, Silero
from media.hearing.mel import BANDS, mel_picture
from media.hearing.onnx import ModelBroken
from media.hearing.turn_end import SmartTurn, as_it_listens, find_turn_model
from media.sound.levels import Floats, floats_of, silence
from tests.media.joe import say


def windows(pcm: bytes) -> list[Floats]:
    sound = floats_of(pcm)
    return [
        sound[at : at + WINDOW_SAMPLES]
        for at in range(0, sound.size - WINDOW_SAMPLES, WINDOW_SAMPLES)
    ]


def judged_alone(silero: Silero, pcm: bytes) -> list[float]:
    memory = Memory()
    return [silero.judge([window], [memory])[0] for window in windows(pcm)]


def test_speech_is_told_from_silence_and_noise() -> None:
    silero = Silero()
    speech = judged_alone(silero, say("I was thinking we could go to the lake on Saturday."))
    chance = np.random.default_rng(1)
    noise = (chance.normal(0, 1500, 32_000)).astype("<i2").tobytes()
    assert np.mean(np.array(speech) > 0.5) > 0.8
    assert max(judged_alone(silero, noise)[5:]) < 0.4
    assert max(judged_alone(silero, silence(16_000))) < 0.1


def test_a_batch_of_streams_is_judged_as_each_alone() -> None:
    silero = Silero()
    streams = [say("Good night."), say("Why do you think so?"), silence(16_000), say("Stop.")] * 20
    cut = [windows(pcm) for pcm in streams]
    memories = [Memory() for _ in cut]
    together: list[list[float]] = [[] for _ in cut]
    for at in range(max(map(len, cut))):
        there = [i for i, one in enumerate(cut) if at < len(one)]
        told = silero.judge([cut[i][at] for i in there], [memories[i] for i in there])
        for i, probability in zip(there, told, strict=True):
            together[i].append(probability)
    for pcm, found in list(zip(streams, together, strict=True))[:4]:
        assert np.allclose(found, judged_alone(silero, pcm), atol=1e-3)


def test_the_picture_has_a_tone_in_its_band() -> None:
    tone = np.sin(2 * np.pi * 1000 * np.arange(16_000) / 16_000).astype(np.float32)
    picture = mel_picture(tone)
    assert picture.shape == (BANDS, 100)
    # 1 kHz is 15 mels of the 45.2 up to 8 kHz: band 26 or 27 of 80.
    assert set(picture[:, 20:80].argmax(axis=0)) <= {25, 26}


def test_it_listens_to_the_last_eight_seconds_evenly() -> None:
    even = as_it_listens(np.ones(16_000, dtype=np.float32))
    assert even.size == 128_000
    assert abs(float(even.mean())) < 1e-3
    assert abs(float(even.std()) - 1) < 1e-3
    long = np.random.default_rng(1).normal(size=300_000).astype(np.float32)
    assert np.allclose(as_it_listens(long), as_it_listens(long[-128_000:]))


WHOLE = ["What is your favourite colour?", "My dog is called Biscuit.", "I had a long day at work."]
CUT = ["I was thinking that", "My dog and the", "What I wanted to say is that the"]


def test_whole_sentences_are_more_finished_than_cut_ones() -> None:
    path = find_turn_model()
    if path is None:
        pytest.skip("the wheel with the network could not be had at installation")
    judge = SmartTurn(path)
    whole = [judge.finished(say(text) + silence(3200)) for text in WHOLE]
    cut = [judge.finished(say(text) + silence(3200)) for text in CUT]
    assert np.mean(whole) > 0.6 > 0.5 > np.mean(cut)
    assert 0 <= judge.finished(b"") <= 1


def test_a_missing_or_wrong_network_is_said(tmp_path) -> None:
    with pytest.raises(ModelBroken, match="no end-of-turn model at"):
        find_turn_model(str(tmp_path / "none.onnx"))
    (tmp_path / "broken.onnx").write_bytes(b"no model")
    with pytest.raises(ModelBroken, match=r"broken\.onnx cannot be opened"):
        SmartTurn(tmp_path / "broken.onnx")
    (tmp_path / "a.whl").write_bytes(b"no zip")
    with pytest.raises(NotHad):
        taken_out(tmp_path / "a.whl")
    assert not is_installed(tmp_path)
    installed_path(tmp_path).parent.mkdir(parents=True)
    installed_path(tmp_path).write_bytes(bytes(MODEL_BYTES - 1))
    assert not is_installed(tmp_path)
