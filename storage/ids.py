"""Names for things: short prefixes and ULIDs, so that ids sort by age and say what they name.

Source: the ULID specification (48 bits of milliseconds, 80 of chance, Crockford base 32).
"""

import secrets
import time
from collections.abc import Callable

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"


def new_id(
    prefix: str,
    now_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
    chance: Callable[[int], int] = secrets.randbits,
) -> str:
    """`prefix` + "_" + 26 characters; ids made later sort later (to the millisecond)."""
    value = (now_ms() << 80) | chance(80)
    return f"{prefix}_" + "".join(_ALPHABET[(value >> shift) & 31] for shift in range(125, -5, -5))
