"""Where models of speech run: in worker processes of this house, or on other machines."""

from typing import Literal

from msgspec import Struct, field


class InferenceSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Inference workers hear and speak for all calls; gateways load no models.

    workers: how many `kindred up` starts, where it has the role `speech`.
    addresses: workers elsewhere, as tcp:host:port; with any given, gateways use only these.
    listen: where the workers of this house listen for others, as host:port (the next worker takes the next port); empty is a socket of this machine only.
    key: what callers from other machines must show; prefer KINDRED_INFERENCE__KEY.
    device: auto takes a GPU when there is one; or cpu, or cuda.
    parallel: utterances and clauses one worker works on at once; 0 is one for each two cores.
    most_ears: calls one worker listens to; more are refused.
    sleep_seconds: after so long without work a worker gives its memory back; 0 is never.
    """  # noqa: E501

    workers: int = 1
    addresses: list[str] = field(default_factory=list)
    listen: str = ""
    key: str = ""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    parallel: int = 0
    most_ears: int = 400
    sleep_seconds: float = 900.0
