"""What a companion feels at what it says, read from its captions as they grow.

A caption is told anew with every word that was heard; only what is new in it is read. Two who look
(the face that is painted, the event for clients that draw one) each keep a reader of their own.
"""

from media.avatar.motion.expressions import CALM, Feeling, read_feeling
from rooms.calls.around import Caption


class Feelings:
    """Reads one call's captions. Pure."""

    def __init__(self) -> None:
        self._caption = ""
        self._read = 0  # code points

    def read(self, caption: Caption) -> Feeling:
        """The feeling of the words that were heard since the last caption; CALM for none."""
        if caption.who != "companion":
            return CALM
        if caption.id != self._caption:
            self._caption, self._read = caption.id, 0
        new, self._read = caption.text[self._read :], max(self._read, len(caption.text))
        return read_feeling(new)
