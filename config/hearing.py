"""Who turns speech into words, how patient we are with them, and when a turn is over."""

from msgspec import Struct, field


class TranscriptionProvider(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One recogniser of speech.

    kind: embedded (ships with Kindred), openai (any address that answers /v1/audio/transcriptions), deepgram (any that speaks its streaming WebSocket), or module:Class of your own.
    base_url: the provider's address; empty takes the vendor's own.
    api_key: the key; prefer the environment variable KINDRED_HEARING__PROVIDERS__<NAME>__API_KEY.
    model: the model's name at the provider, or for embedded the folder of another Whisper for CTranslate2.
    language: what people speak, such as en; empty lets the provider find out where it can.
    stream: deepgram: whether sound is sent while somebody speaks in a call, so that words are there sooner.
    """  # noqa: E501

    kind: str = "openai"
    base_url: str = ""
    api_key: str = ""
    model: str = ""
    language: str = ""
    stream: bool = True


class HearingSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Speech to text, and the end of a turn.

    use: names of recognisers in order; the first answers, the next take over when it fails.
    providers: name -> recogniser. "embedded" is always there.
    answer_seconds: how long one recogniser may take for an utterance.
    final_seconds: how long a recogniser that listens along may take for its final words; then the utterance is transcribed whole.
    most_waiting: utterances that may wait for a recogniser in one worker; more are refused.
    open_db: sound below this level costs no inference (decibels, full scale is 0).
    turn_model: path of another smart-turn network; empty takes the installed one, none uses none.
    """  # noqa: E501

    use: list[str] = field(default_factory=lambda: ["embedded"])
    providers: dict[str, TranscriptionProvider] = field(default_factory=dict)
    answer_seconds: float = 15.0
    final_seconds: float = 1.5
    most_waiting: int = 32
    open_db: float = -55.0
    turn_model: str = ""
