"""What a conversation tells the call around it: captions, times, sounds, refusals.

The conversation (rooms/calls/conversation.py) knows who speaks and what was heard; the life of the
call (entitlement, seconds, storage, events) is not its business, so it tells and never asks.
"""

from typing import Literal, Protocol

from msgspec import Struct

from media.calls.leg import LegEvent
from media.speech.ports import Spoken
from rooms.errors import ProductError


class Caption(Struct, frozen=True, kw_only=True):
    """What one side says, as far as it is known. A later caption of the same `id` replaces it.

    id: the reply's or message's id; of the person's words before they are sent, and of a greeting,
    an id of its own. text: the whole of it so far; of the companion, what was heard.
    final: nothing more will come under this id. withdrawn: it was no speech after all.
    """

    id: str
    who: Literal["person", "companion"]
    text: str
    final: bool = False
    withdrawn: bool = False


class TurnTimes(Struct, frozen=True, kw_only=True):
    """When each stage of one answered turn came, in ms after the person's last voiced sample.

    None: it did not happen. `pause` the pause was noticed, `transcript` its words were there,
    `decided` the turn was theirs no more, `word` the model's first word, `clause` its first clause,
    `sound` the first synthesised sample, `out` the first sample that left.
    """

    reply: str
    pause_ms: int | None = None
    transcript_ms: int | None = None
    decided_ms: int | None = None
    word_ms: int | None = None
    clause_ms: int | None = None
    sound_ms: int | None = None
    out_ms: int | None = None
    speculated: bool = False
    interrupted: bool = False
    words_heard: int = 0


class Around(Protocol):
    """The call's life, as the conversation sees it. Nothing here waits."""

    def caption(self, caption: Caption) -> None:
        """Show what is being said."""

    def paused(self) -> None:
        """The person has paused: what they said may be a turn, and this the moment to look."""

    def turned(self, times: TurnTimes) -> None:
        """A turn is over; these were its times."""

    def refused(self, refusal: ProductError) -> None:
        """The room took no turn: out of credits, blocked, not allowed to speak."""

    def sounding(self, epoch: int, at_sample: int, piece: Spoken) -> None:
        """Speech was queued on the leg; its marks count from `at_sample` of `epoch` (24 kHz)."""

    def happened(self, event: LegEvent) -> None:
        """Every event of the leg but `Heard`, as it comes: quality, typed, connected, played."""
