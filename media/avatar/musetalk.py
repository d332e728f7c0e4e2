"""A neural face of MuseTalk's shape behind the engine port: a still face whose mouth is repainted.

The network sees the face with its lower half hidden beside the whole one, hears the sound around
the moment, and paints the lower half in one step. It moves only the mouth: blinks and glances stay
the drawn face's. Code after the published architecture (MIT); weights are the operator's.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
import numpy.typing as npt

from media.avatar.engine import EngineCaps, Rendered, Source, Step, bucket
from media.avatar.face import anchors, measure
from media.avatar.musetalk_nets import Nets, load_nets
from media.avatar.musetalk_sound import Heard
from media.avatar.painter import Asset, AvatarError, Frames, Painter, frame_shape
from media.avatar.rig_engine import RigEngine
from media.avatar.state import neutral

Pixels = npt.NDArray[np.uint8]
SIZES: Final = (256, 384, 512)


class MuseAsset:
    """A face as it rests, where its mouth is, and what the network made of it once."""

    def __init__(self, digest: str, frame: Pixels, box: tuple[int, int, int, int]) -> None:
        self.digest = digest
        self.size = int(frame.shape[0])
        self.held_bytes = frame.nbytes
        self.frame = frame
        self.box = box
        self.latents: Any = None


class MuseTalkEngine:
    """See media/avatar/engine.py `Engine`."""

    def __init__(self, nets: Nets, painter: Painter, *, max_batch: int = 16) -> None:
        self.caps = EngineCaps(
            name="musetalk",
            device=str(nets.device),
            fps=25,
            sizes=SIZES,
            max_batch=max_batch,
            lookahead_ms=100,
            listens="whisper_tiny",
            visemes=False,
            idle=False,
            licence="MIT code; the weights' own licence (CreativeML OpenRAIL-M for the published)",
        )
        self._nets = nets
        self._rig = RigEngine(painter)
        self._slots: dict[int, MuseAsset] = {}
        self._heard: dict[int, Heard] = {}
        self._shut: dict[int, bool] = {}

    def prepare(self, source: Source, size: int) -> Asset:
        """Encode the face, whole and with its mouth hidden. Raises AvatarError."""
        if size not in SIZES:
            raise AvatarError(f"Faces come in {SIZES}, not {size}.", reason="bad_size")
        asset = self._drawn(source, size)
        asset.latents = self._encode(asset)
        return asset

    def open(self, slot: int, asset: Asset) -> None:
        """Show this face from now on."""
        assert isinstance(asset, MuseAsset)
        self._slots[slot] = asset
        self._heard[slot] = Heard(self._nets)
        self._shut[slot] = False

    def listen(self, slot: int, epoch: int, at_sample: int, pcm: bytes) -> None:
        """Hear a piece of sound, once."""
        self._heard[slot].listen(epoch, at_sample, pcm)

    def close(self, slot: int) -> None:
        """Forget the slot."""
        for kept in (self._slots, self._heard, self._shut):
            kept.pop(slot, None)

    def step(self, batch: Sequence[Step]) -> Rendered:
        """Paint mouths where something sounds; where nothing does, the face rests."""
        size = self._slots[batch[0].slot].size
        frames: Frames = np.empty((len(batch), *frame_shape(size, "i420")), np.uint8)
        mask = np.zeros(len(batch), np.bool_)
        speaking: list[tuple[int, Any]] = []
        for place, step in enumerate(batch):
            features = None
            if step.position is not None:
                features = self._heard[step.slot].around(step.epoch, step.position)
            if features is not None:
                speaking.append((place, features))
                mask[place], self._shut[step.slot] = True, False
            elif step.fresh or not self._shut[step.slot]:
                frames[place] = _i420(self._slots[step.slot].frame)
                mask[place], self._shut[step.slot] = True, True
        if speaking:
            assets = [self._slots[batch[place].slot] for place, _ in speaking]
            mouths = self._paint(assets, [features for _, features in speaking])
            for (place, _), asset, mouth in zip(speaking, assets, mouths, strict=True):
                frames[place] = _i420(_laid(asset, mouth))
        return Rendered(frames=frames, pts=tuple(step.pts for step in batch), changed=mask)

    def _drawn(self, source: Source, size: int) -> MuseAsset:
        """A drawn companion at rest; the drawing knows where its mouth is."""
        if source.appearance is None:
            raise AvatarError("This face begins with a drawing.", reason="unsupported")
        asset = self._rig.prepare(source, size)
        frame = self._rig.paint_rgb(asset, neutral())
        places = anchors(measure(source.appearance))
        (x, y), half = places["mouth"], 1.15 * places["face_width"][0]
        box = tuple(round(size * v) for v in (x - half, y - 1.45 * half, x + half, y + 0.55 * half))
        return MuseAsset(asset.digest, frame, box)  # type: ignore[arg-type]

    def _encode(self, asset: MuseAsset) -> Any:
        import torch

        left, top, right, low = asset.box
        crop = self._nets.crop
        face = cv2.resize(
            asset.frame[top:low, left:right], (crop, crop), interpolation=cv2.INTER_AREA
        )
        whole = face.astype(np.float32).transpose(2, 0, 1) / 127.5 - 1
        hidden = whole.copy()
        hidden[:, crop // 2 :] = -1
        pair = torch.from_numpy(np.stack([hidden, whole]))
        with torch.inference_mode():
            latents = self._nets.vae.encode(
                pair.to(device=self._nets.device, dtype=self._nets.kind)
            ).latent_dist.mode()
        return (latents * self._nets.vae.config.scaling_factor).flatten(0, 1)

    def _paint(self, assets: Sequence[MuseAsset], features: Sequence[Any]) -> list[Pixels]:
        """The faces with the mouths they have now, as the network sees them."""
        import torch

        nets, count = self._nets, len(assets)
        padded = count if self.caps.device == "cpu" else bucket(count, self.caps.max_batch)
        heard = np.stack([*features, *[features[0]] * (padded - count)])
        heard = heard + _places(heard.shape[1], heard.shape[2])
        latents = torch.stack(
            [one.latents for one in assets] + [assets[0].latents] * (padded - count)
        )
        with torch.inference_mode():
            sound = torch.from_numpy(heard).to(device=nets.device, dtype=nets.kind)
            now = torch.zeros(1, device=nets.device, dtype=torch.long)
            made = nets.unet(latents, now, encoder_hidden_states=sound).sample
            seen = nets.vae.decode(made / nets.vae.config.scaling_factor).sample
            seen = ((seen[:count].float() + 1) * 127.5).clamp(0, 255).to(torch.uint8)
        return list(seen.permute(0, 2, 3, 1).cpu().numpy())


def open_musetalk(device: str, folder: Path, weights: Path | None) -> MuseTalkEngine:
    """The engine, as engines.py opens it."""
    from typing import cast

    from media.avatar.cpu import CpuPainter

    if weights is None:
        raise AvatarError("A neural face needs the folder of its weights.", reason="bad_weights")
    return MuseTalkEngine(load_nets(weights, device), cast("Painter", CpuPainter(folder)))


def _laid(asset: MuseAsset, face: Pixels) -> Pixels:
    """The lower half of a painted face laid into its picture, with soft edges."""
    left, top, right, low = asset.box
    wide, high = right - left, low - top
    painted = cv2.resize(face, (wide, high), interpolation=cv2.INTER_LINEAR).astype(np.float32)
    soft = np.zeros((high, wide), np.float32)
    edge = max(1, wide // 12)
    soft[high // 2 + edge : high - edge, edge : wide - edge] = 1
    weight = cv2.GaussianBlur(soft, (0, 0), edge / 2)[..., None]
    frame = asset.frame.copy()
    under = frame[top:low, left:right].astype(np.float32)
    frame[top:low, left:right] = np.clip(under * (1 - weight) + painted * weight + 0.5, 0, 255)
    return frame


def _i420(frame: Pixels) -> Frames:
    return np.asarray(cv2.cvtColor(frame, cv2.COLOR_RGB2YUV_I420), np.uint8)


def _places(steps: int, width: int) -> npt.NDArray[np.float32]:
    """Where each feature stands, as sines and cosines of many wavelengths."""
    at = np.arange(steps, dtype=np.float32)[:, None]
    rate = np.exp(np.arange(0, width, 2, dtype=np.float32) * (-np.log(10_000.0) / width))
    places = np.zeros((steps, width), np.float32)
    places[:, 0::2], places[:, 1::2] = np.sin(at * rate), np.cos(at * rate)
    return places
