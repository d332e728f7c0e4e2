"""Where the media of calls flows: workers, relays, LiveKit."""

from typing import Annotated

from msgspec import Meta, Struct, field


class LiveKitSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """LiveKit, for calls at a scale or over networks that ours does not reach.

    url: its address as browsers reach it (wss://...). Empty: not used.
    key: the API key tokens are signed in the name of.
    secret: its secret; webhooks are checked with it too.
    token_seconds: how long somebody may take to join with a token.
    """

    url: str = ""
    key: str = ""
    secret: str = ""
    token_seconds: int = 120


class MediaSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Media workers and the way to people.

    workers: media worker processes of this host; one per core that is to carry calls.
    listen: address on which gateways of other hosts reach the workers; empty is this host only.
    reachable_at: the name of this host for those gateways; with listen.
    most_load: the share of a core up to which a worker takes calls.
    opus_bits_per_second: of what companions say; 24,000 to 32,000 is good for a voice.
    stun: STUN servers for callers (stun:host:port). Empty: only their own addresses are tried.
    turn: TURN relays for callers (turn:host:port, turns:host:port?transport=tcp).
    turn_secret: the secret shared with coturn (use-auth-secret); credentials are made with it.
    turn_seconds: how long such credentials are good.
    workers_behind_nat: whether the workers, too, need STUN and TURN to be reached.
    livekit: LiveKit.
    """

    workers: Annotated[int, Meta(ge=1, le=128)] = 1
    listen: str = ""
    reachable_at: str = ""
    most_load: Annotated[float, Meta(gt=0, le=1)] = 0.75
    opus_bits_per_second: Annotated[int, Meta(ge=6_000, le=128_000)] = 28_000
    stun: list[str] = field(default_factory=list)
    turn: list[str] = field(default_factory=list)
    turn_secret: str = ""
    turn_seconds: int = 6 * 3_600
    workers_behind_nat: bool = False
    livekit: LiveKitSettings = LiveKitSettings()
