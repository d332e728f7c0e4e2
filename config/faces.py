"""Where the companion's moving face is painted: in worker processes of this house, or elsewhere."""

from typing import Literal

from msgspec import Struct, field


class FaceSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Render workers paint and encode the faces of all video calls; gateways paint nothing.

    workers: how many `kindred up` starts, where it has the role `faces`.
    addresses: workers elsewhere, as tcp:host:port; with any given, gateways use only these.
    listen: where the workers of this house listen for others, as host:port (the next worker takes the next port); empty is a socket of this machine only.
    key: what callers from other machines must show; prefer KINDRED_FACES__KEY.
    engine: what paints: rig (the drawn face) or musetalk (a neural face from your own weights, with the `gpu` extra).
    weights: the folder of a neural engine's weights.
    device: cpu, or a torch device such as cuda:0.
    most_faces: faces one worker shows at once; more are refused.
    encoders: threads of a worker that encode.
    size: the side of a picture in pixels: 256, 384 or 512.
    fps: pictures a second, at most 30.
    age_check_url: a service of yours that judges whether a portrait shows an adult; with one, no picture is taken without its yes.
    age_check_token: what it is shown as a bearer token.
    age_check_seconds: how long it may take; no answer is a no.
    kbps: the rate of a picture's stream to begin with; it follows what the person can receive.
    """  # noqa: E501

    workers: int = 1
    addresses: list[str] = field(default_factory=list)
    listen: str = ""
    key: str = ""
    engine: Literal["rig", "musetalk"] = "rig"
    weights: str = ""
    device: str = "cpu"
    most_faces: int = 8
    encoders: int = 1
    size: Literal[256, 384, 512] = 512
    fps: int = 25
    age_check_url: str = ""
    age_check_token: str = ""
    age_check_seconds: float = 10.0
    kbps: int = 600
