"""What calls cost in patience, seconds and consent; prices are in config/plans.py."""

from typing import Literal

from msgspec import Struct, field


class CallSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Calls.

    enabled: whether companions can be called at all.
    consents: purposes a person must have agreed to before a call, such as "voice".
    age_level: how well a person's age must be known: declared, contact, document or bank.
    closed_countries: countries in which nobody can call, as two letters.
    minors: whether people under 18 may call, where they may register.
    connect_seconds: how long a new call waits for its first sound.
    reconnect_seconds: how long a call whose connection was lost waits for a new one, unmetered.
    longest_seconds: the longest a call may last.
    hold_seconds: how many seconds of a call are held ahead at a time.
    goodbye_seconds: of those, what is kept for the companion's goodbye.
    blocked_seconds: a connection that takes nothing for so long is not metered until it does.
    mark_seconds: how often the log is told how far the meter has come.
    care_seconds: how long a call is free after words that called for care.
    legs_host: where other hosts reach calls over this gateway's sockets; empty: one host only.
    farewell_seconds: how long the companion may think about its goodbye.
    camera: whether people may show their camera in a video call, where the model takes pictures.
    camera_pictures: how many pictures of it a turn may hold; they are taken as the person pauses.
    camera_pixels: the longer side of such a picture.
    camera_bytes: the largest such picture, as JPEG; a larger one is made coarser, or not shown.
    camera_check_url: a service of yours that judges each such picture; with one, none is shown without its yes.
    camera_check_token: what it is shown as a bearer token.
    camera_check_seconds: how long it may take; no answer is a no.
    camera_unchecked: whether cameras may be shown where no such service is named; pictures then go to the model unjudged.
    """  # noqa: E501

    enabled: bool = True
    consents: list[str] = field(default_factory=list)
    age_level: Literal["declared", "contact", "document", "bank"] = "declared"
    closed_countries: list[str] = field(default_factory=list)
    minors: bool = False
    connect_seconds: float = 30.0
    reconnect_seconds: float = 30.0
    longest_seconds: int = 4 * 3_600
    hold_seconds: int = 30
    goodbye_seconds: int = 12
    blocked_seconds: float = 3.0
    mark_seconds: float = 1.0
    care_seconds: int = 600
    legs_host: str = ""
    farewell_seconds: float = 4.0
    camera: bool = True
    camera_pictures: int = 1
    camera_pixels: int = 512
    camera_bytes: int = 60_000
    camera_check_url: str = ""
    camera_check_token: str = ""
    camera_check_seconds: float = 3.0
    camera_unchecked: bool = True
