"""The neural face with tiny random weights: it fits the port, and wrong weights are refused.

Runs wherever torch, diffusers and transformers are installed; the default install has none.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from media.avatar.appearance import Appearance
from media.avatar.engine import Source, Step
from media.avatar.engines import open_engine
from media.avatar.painter import AvatarError
from media.avatar.state import neutral

torch = pytest.importorskip("torch")
diffusers = pytest.importorskip("diffusers")
transformers = pytest.importorskip("transformers")
WIDTH = 48


def make_weights(folder: Path, *, hears: int = WIDTH, takes: int = 8) -> Path:
    """A MuseTalk of a few thousand numbers."""
    torch.manual_seed(1)
    diffusers.UNet2DConditionModel(
        sample_size=8, in_channels=takes, out_channels=4, block_out_channels=(16, 32),
        down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
        cross_attention_dim=hears, attention_head_dim=8, layers_per_block=1, norm_num_groups=8,
    ).save_pretrained(folder / "unet")  # fmt: skip
    diffusers.AutoencoderKL(
        block_out_channels=(8, 16), latent_channels=4, norm_num_groups=8, sample_size=16,
        down_block_types=("DownEncoderBlock2D",) * 2, up_block_types=("UpDecoderBlock2D",) * 2,
    ).save_pretrained(folder / "vae")  # fmt: skip
    transformers.WhisperModel(
        transformers.WhisperConfig(
            d_model=WIDTH, encoder_layers=4, decoder_layers=1, encoder_attention_heads=4,
            decoder_attention_heads=4, encoder_ffn_dim=64, decoder_ffn_dim=64, vocab_size=64,
            pad_token_id=0, bos_token_id=1, eos_token_id=2, decoder_start_token_id=1,
        )
    ).save_pretrained(folder / "whisper")  # fmt: skip
    return folder


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_weights(tmp_path_factory.mktemp("weights"))


@pytest.fixture(scope="module")
def rigs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("rigs")


def step(slot: int, position: int | None, *, epoch: int = 1, fresh: bool = False) -> Step:
    return Step(slot=slot, row=neutral()[0], pts=0, epoch=epoch, position=position, fresh=fresh)


def test_it_paints_mouths_for_sound_and_rests_in_silence(weights: Path, rigs: Path) -> None:
    engine = open_engine("musetalk", "cpu", rigs, weights)
    asset = engine.prepare(Source(appearance=Appearance(origin="european")), 256)
    for slot in (1, 2):
        engine.open(slot, asset)
    rest = engine.step([step(1, None), step(2, None)])
    assert rest.changed.tolist() == [True, True]
    assert rest.frames.shape == (2, 384, 256)
    assert engine.step([step(1, None), step(2, None)]).changed.tolist() == [False, False]
    pcm = (9000 * np.sin(np.arange(24_000) / 9)).astype("<i2").tobytes()
    engine.listen(1, 1, 0, pcm)
    talks = engine.step([step(1, 12_000), step(2, 12_000)])
    assert talks.changed.tolist() == [True, False]
    moved = np.abs(talks.frames[0].astype(int) - rest.frames[0].astype(int))[:256]
    assert moved[: 256 // 3].max() <= 1  # eyes and hair are as they were
    assert moved[256 // 2 :].max() > 3
    later = engine.step([step(1, 18_000)])
    assert later.changed.tolist() == [True]
    other = engine.step([step(1, 12_000, epoch=2)])  # of another epoch nothing is known
    assert other.changed.tolist() == [True]
    assert (other.frames[0] == rest.frames[0]).all()
    engine.close(1)


@pytest.mark.parametrize(("spoil", "said"), [
    (lambda f: (f / "vae" / "config.json").unlink(), "vae"),
    (lambda f: (f / "unet" / "diffusion_pytorch_model.safetensors").write_bytes(b"no"), "unet"),
    (lambda f: widen(f / "unet" / "config.json"), "unet"),
    (lambda f: (f / "whisper" / "model.safetensors").unlink(), "whisper"),
])  # fmt: skip
def test_weights_of_the_wrong_shape_are_refused_in_a_sentence(
    tmp_path: Path, rigs: Path, spoil: Any, said: str
) -> None:
    folder = make_weights(tmp_path)
    spoil(folder)
    with pytest.raises(AvatarError, match=said) as refused:
        open_engine("musetalk", "cpu", rigs, folder)
    assert refused.value.reason == "bad_weights"


@pytest.mark.parametrize("odd", [{"hears": 32}, {"takes": 4}])
def test_networks_that_are_not_of_one_family_are_refused(
    tmp_path: Path, rigs: Path, odd: dict[str, int]
) -> None:
    with pytest.raises(AvatarError, match="wrong shape"):
        open_engine("musetalk", "cpu", rigs, make_weights(tmp_path, **odd))


def test_without_weights_or_device_it_says_so(weights: Path, rigs: Path) -> None:
    with pytest.raises(AvatarError):
        open_engine("musetalk", "cpu", rigs, None)
    if not torch.cuda.is_available():
        with pytest.raises(AvatarError) as refused:
            open_engine("musetalk", "cuda:0", rigs, weights)
        assert refused.value.reason == "no_device"


def widen(config: Path) -> None:
    told = json.loads(config.read_text())
    config.write_text(json.dumps({**told, "block_out_channels": [32, 64]}))
