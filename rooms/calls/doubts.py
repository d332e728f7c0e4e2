"""What becomes of a camera when a picture of it is refused, or nobody judges it; pure.

A call counts its own: one picture that may show a minor is the last of the call, other refusals
and silences shut the eyes, which the person may open again a few times.
"""

from typing import Final, Literal

from media.calls.picture_check import Verdict

Unseen = Literal["minor", "refused", "unjudged"]
MOST_REFUSED: Final = 3  # of a call; then the camera stays off in it
MOST_UNANSWERED: Final = 3  # in a row; one lost answer is not worth a word


class Doubts:
    """Of one call."""

    def __init__(self) -> None:
        self._minor = False
        self._refused = 0
        self._unanswered = 0

    @property
    def closed(self) -> bool:
        """Whether the camera stays off for the rest of the call."""
        return self._minor or self._refused >= MOST_REFUSED

    def read(self, verdict: Verdict | None) -> Unseen | None:
        """Why it is shown no longer, or None. Without a verdict nobody judged."""
        if verdict is None:
            self._unanswered += 1
            if self._unanswered < MOST_UNANSWERED:
                return None
            self._unanswered = 0
            return "unjudged"
        self._unanswered = 0
        if passes(verdict):
            return None
        self._refused += 1
        if verdict.because == "minor":
            self._minor = True
            return "minor"
        return "refused"


def passes(verdict: Verdict | None) -> bool:
    """Only a plain yes lets a picture be shown."""
    return verdict is not None and verdict.allowed and not verdict.because
