"""Where a prompt's pictures go in a vendor's messages: with the last words of the person.

Both vendors want a list of parts there instead of a text, the pictures before the words.
"""

from collections.abc import Callable, Sequence
from typing import Any

from rooms.dialogue.ports import Picture


def show(
    pictures: Sequence[Picture],
    messages: list[dict[str, Any]],
    part: Callable[[Picture], dict[str, Any]],
) -> None:
    """Put the pictures, each as `part` writes it, into the last message of the person's."""
    if not pictures:
        return
    for at in range(len(messages) - 1, -1, -1):
        if messages[at]["role"] == "user":
            words = {"type": "text", "text": messages[at]["content"]}
            messages[at] = {**messages[at], "content": [*map(part, pictures), words]}
            return
