"""What a companion may be busy with in a call, as everybody who tells a face names it.

Apart from the director, so that a gateway can name one without loading arithmetic.
"""

from typing import Final, Literal

Attitude = Literal["idle", "listening", "thinking", "speaking", "greeting", "goodbye"]
ATTITUDES: Final[tuple[Attitude, ...]] = (
    "idle", "listening", "thinking", "speaking", "greeting", "goodbye",
)  # fmt: skip
