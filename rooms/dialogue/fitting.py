"""Makes a prompt fit a smaller model, for the fallback that reads less than the first choice.

Pure. The prompt was compiled for the preferred provider; what is dropped is the oldest talk.
"""

from collections.abc import Callable
from typing import Final

from msgspec import structs

from rooms.dialogue.ports import Line, Prompt

LINE_OVERHEAD_TOKENS: Final = 4
_LEAST_PROMPT_TOKENS: Final = 64


def fitted(
    prompt: Prompt, context_tokens: int, max_output_tokens: int, count: Callable[[str], int]
) -> Prompt:
    """`prompt` itself if it fits, else without its oldest talk and, at worst, a shorter system."""
    reply = min(prompt.max_output_tokens, max_output_tokens)
    shown = sum(picture.tokens for picture in prompt.pictures)
    room = max(_LEAST_PROMPT_TOKENS, context_tokens - reply - count(prompt.prefill) - shown)
    costs = [count(line.text) + LINE_OVERHEAD_TOKENS for line in prompt.lines]
    if sum(costs) <= room:
        return prompt
    system = [line for line in prompt.lines if line.role == "system"]
    talk = [line for line in prompt.lines if line.role != "system"]
    last = _shortened(talk[-1:], room // 2, count)
    kept_system = _shortened(system, room - _cost(last, count), count)
    room -= _cost(kept_system, count) + _cost(last, count)
    earlier: list[Line] = []
    for line in reversed(talk[:-1]):
        room -= _cost([line], count)
        if room < 0:
            break
        earlier.insert(0, line)
    return structs.replace(prompt, lines=(*kept_system, *earlier, *last))


def _cost(lines: list[Line], count: Callable[[str], int]) -> int:
    return sum(count(line.text) + LINE_OVERHEAD_TOKENS for line in lines)


def _shortened(lines: list[Line], room: int, count: Callable[[str], int]) -> list[Line]:
    """The lines from the first on, as many as fit; the one that does not is cut at its end."""
    kept: list[Line] = []
    for line in lines:
        cost = _cost([line], count)
        if cost > room:
            share = max(0, room - LINE_OVERHEAD_TOKENS) / max(1, cost)
            if text := line.text[: int(len(line.text) * share)].rstrip():
                kept.append(Line(line.role, text))
            break
        kept.append(line)
        room -= cost
    return kept
