"""Who turns words into speech, and how patient we are with them."""

from msgspec import Struct, field


class SpeechProvider(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One speaker.

    kind: embedded (ships with Kindred), espeak (the installed program, many languages), openai (any address that answers /v1/audio/speech), elevenlabs (any that answers its streaming with timestamps), or module:Class of your own.
    base_url: the provider's address; empty takes the vendor's own.
    api_key: the key; prefer the environment variable KINDRED_SPEECH__PROVIDERS__<NAME>__API_KEY.
    model: the model's name at the provider.
    voice: the provider's voice for everyone who has none of their own in voices.
    voices: companion's voice (such as alto-bright), or its part before the dash -> the provider's name for a voice.
    languages: what it speaks, such as en and fr; empty is what its kind speaks.
    """  # noqa: E501

    kind: str = "openai"
    base_url: str = ""
    api_key: str = ""
    model: str = ""
    voice: str = ""
    voices: dict[str, str] = field(default_factory=dict)
    languages: list[str] = field(default_factory=list)


class SpeechSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Text to speech.

    use: names of speakers in order; the first that speaks the language does, the next take over when it fails.
    providers: name -> speaker. "embedded" and "espeak" are always there.
    first_piece_seconds: how long to wait for the first sound of a clause before the next speaker is tried.
    stall_seconds: how long a started clause may be silent.
    failures: consecutive failures after which a speaker rests.
    rest_seconds: how long it rests.
    characters_max: the longest text of one request to /v1/audio/speech.
    upload_bytes_max: the largest sound file that may be transcribed.
    upload_seconds_max: the longest sound that may be transcribed.
    requests_at_once: spoken files and transcriptions one gateway works on at a time; more wait.
    """  # noqa: E501

    use: list[str] = field(default_factory=lambda: ["embedded", "espeak"])
    providers: dict[str, SpeechProvider] = field(default_factory=dict)
    first_piece_seconds: float = 6.0
    stall_seconds: float = 6.0
    failures: int = 3
    rest_seconds: float = 30.0
    characters_max: int = 4_096
    upload_bytes_max: int = 26_214_400
    upload_seconds_max: float = 600.0
    requests_at_once: int = 4
