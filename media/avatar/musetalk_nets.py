"""The networks of a MuseTalk-shaped face, from the operator's own weights: nothing is downloaded.

Three folders in the layout of the Hugging Face libraries: `unet` and `vae` (diffusers) and
`whisper` (transformers), each a config.json and a .safetensors file. Weights that do not fit their
network are refused with a sentence; pickled ones are not opened at all.
"""

from pathlib import Path
from typing import Any, Final

from msgspec import Struct

from media.avatar.painter import AvatarError

MASKED_AND_WHOLE: Final = 8  # channels in: the face with its mouth hidden, and a face to look like
LATENT: Final = 4


class Nets(Struct, frozen=True):
    """Ready to run on a device. `crop`: the side of the face they see, in pixels."""

    unet: Any
    vae: Any
    whisper: Any
    crop: int
    width: int  # numbers in one feature of the sound
    layers: int  # features a 20 ms step of sound has
    device: Any
    kind: Any  # the number type they compute in


def load_nets(weights: Path, device: str) -> Nets:
    """Everything on the device. Raises AvatarError: no_library, no_device, bad_weights."""
    try:
        import torch
        from diffusers import AutoencoderKL, UNet2DConditionModel
        from transformers import WhisperModel
    except ImportError as error:
        raise AvatarError("This face needs the `gpu` extra.", reason="no_library") from error
    if device != "cpu" and not torch.cuda.is_available():
        raise AvatarError(f"There is no device {device} here.", reason="no_device")
    kind = torch.float32 if device == "cpu" else torch.float16
    found = {
        name: _load(library, weights / name).to(device=device, dtype=kind).eval()
        for name, library in (
            ("unet", UNet2DConditionModel),
            ("vae", AutoencoderKL),
            ("whisper", WhisperModel),
        )
    }
    return _checked(found, torch.device(device), kind)


def _load(library: Any, folder: Path) -> Any:
    if not (folder / "config.json").is_file():
        raise AvatarError(f"There is no {folder.name}/config.json.", reason="bad_weights")
    try:
        net, told = library.from_pretrained(
            str(folder), local_files_only=True, use_safetensors=True, output_loading_info=True
        )
    except (OSError, ValueError, RuntimeError, KeyError, TypeError) as error:
        raise AvatarError(
            f"The weights of {folder.name} do not fit its network.", reason="bad_weights"
        ) from error
    if told.get("missing_keys") or told.get("mismatched_keys"):
        raise AvatarError(f"The weights of {folder.name} are not whole.", reason="bad_weights")
    return net


def _checked(found: dict[str, Any], device: Any, kind: Any) -> Nets:
    """The networks, if they are of one family."""
    unet, vae, whisper = found["unet"], found["vae"], found["whisper"]
    width = int(whisper.config.d_model)
    fits = {
        "the network does not take a masked and a whole face":
            int(unet.config.in_channels) == MASKED_AND_WHOLE,
        "the network does not give a face":
            int(unet.config.out_channels) == LATENT == int(vae.config.latent_channels),
        "the network does not hear what this Whisper hears":
            int(unet.config.cross_attention_dim) == width,
    }  # fmt: skip
    for sentence, holds in fits.items():
        if not holds:
            raise AvatarError(f"Weights of the wrong shape: {sentence}.", reason="bad_weights")
    scale = 2 ** (len(vae.config.block_out_channels) - 1)
    return Nets(
        unet=unet,
        vae=vae,
        whisper=whisper.get_encoder(),
        crop=int(unet.config.sample_size) * scale,
        width=width,
        layers=int(whisper.config.encoder_layers) + 1,
        device=device,
        kind=kind,
    )
