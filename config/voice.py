"""How a spoken conversation behaves: pauses, patience, interruptions, how far speech runs ahead."""

from msgspec import Struct


class VoiceSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Spoken conversation.

    start_probability: voice activity above it begins speech.
    stay_probability: voice activity above it goes on with speech.
    start_ms: voice for so long is speech, while the companion is silent.
    barge_ms: voice for so long pauses the companion while it speaks.
    before_ms: sound kept from before speech began, so that no first consonant is lost.
    pause_ms: silence after which the end of the turn is asked for and transcription begins.
    early_ms: silence after which transcription begins before it is known to be a pause, where a recogniser of this house has nothing else to do; it is dropped when speech goes on. 0 is never.
    likely_ms: silence that ends a turn which is probably complete.
    unlikely_ms: silence that ends a turn which closes like a sentence but sounds unfinished.
    ceiling_ms: silence that ends any turn.
    complete_probability: the end-of-turn model's answer above which a turn is complete.
    gap_ms: nothing at all arrives for so long, and what was said before it is the turn.
    resume_ms: nothing real for so long after a pause, and the companion goes on.
    ahead_ms: how far speech is synthesised ahead of what has left, at most.
    keep_ms: a span so long stands at the next pause; only what follows is transcribed anew.
    span_ms: the longest span that is transcribed at once; longer speech is cut into such.
    echo_db: how much louder than its own echo somebody must be to pause the companion.
    speculate: ask the model on the early transcript, before the turn is known to have ended.
    reply_tokens: the longest spoken reply.
    log_ms: the least time between two log appends of a spoken reply.
    """  # noqa: E501

    start_probability: float = 0.5
    stay_probability: float = 0.35
    start_ms: int = 96
    barge_ms: int = 160
    before_ms: int = 300
    pause_ms: int = 192  # six windows of voice activity
    early_ms: int = 64  # two windows
    likely_ms: int = 600
    unlikely_ms: int = 1_200
    ceiling_ms: int = 2_000
    complete_probability: float = 0.5
    gap_ms: int = 4_000
    resume_ms: int = 2_000
    ahead_ms: int = 4_000
    keep_ms: int = 8_000
    span_ms: int = 15_000
    echo_db: float = 6.0
    speculate: bool = True
    reply_tokens: int = 160
    log_ms: int = 200
