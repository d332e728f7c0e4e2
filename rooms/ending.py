"""How a turn can end, decided in one place: what stopped it becomes a status people understand.

Pure: an exception (or none) and what the model said go in, an `Ending` comes out.
"""

import asyncio

from msgspec import Struct

from rooms.credits.meter import OutOfHold
from rooms.dialogue.ports import Ended, ModelBusy, ModelError, ModelRefused, ModelTimeout
from rooms.mouth import CutOff
from rooms.ports import LogStale, LogStalled
from rooms.shapes import ReplyStatus


class Moderated(Exception):
    """The reply's next words may not be shown; `category` says why."""

    def __init__(self, category: str) -> None:
        super().__init__(category)
        self.category = category


class Ending(Struct, frozen=True, kw_only=True):
    """A reply's end. `code` is for programs; `expected` is false for a bug worth a traceback."""

    status: ReplyStatus
    continuable: bool = False
    code: str | None = None
    expected: bool = True


def ending_of(error: BaseException | None, ended: Ended | None, *, delivered: bool) -> Ending:
    """What `error` (None: the model finished, as `ended` says) means for the reply."""
    match error:
        case None if ended is not None and ended.reason == "filtered" and not delivered:
            return Ending(status="moderated", code="filtered_by_provider")
        case None:
            cut = ended is not None and ended.reason == "length"
            return Ending(status="completed", continuable=cut)
        case asyncio.CancelledError() | CutOff():
            return Ending(status="interrupted", continuable=True)
        case OutOfHold():
            return Ending(status="out_of_credits", continuable=True, code="out_of_credits")
        case Moderated(category=category):
            return Ending(status="moderated", code=category)
        case LogStalled() | LogStale():
            return Ending(status="interrupted", continuable=True, code="log_stalled")
        case TimeoutError():
            return Ending(status="failed", continuable=delivered, code="turn_too_long")
        case ModelError():
            return Ending(status="failed", continuable=delivered, code=_model_code(error))
        case _:
            return Ending(status="failed", continuable=delivered, code="internal", expected=False)


def _model_code(error: ModelError) -> str:
    match error:
        case ModelBusy():
            return "model_busy"
        case ModelTimeout():
            return "model_timeout"
        case ModelRefused():
            return "model_refused"
        case _:
            return "model_unavailable"


def only_error(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """The error that brought a TaskGroup down, out of its wrapping; the gravest one first."""
    flat: list[BaseException] = []
    pending: list[BaseException] = [group]
    while pending:
        error = pending.pop(0)
        if isinstance(error, BaseExceptionGroup):
            pending.extend(error.exceptions)
        else:
            flat.append(error)
    for kind in (LogStale, Moderated, CutOff, OutOfHold):
        for error in flat:
            if isinstance(error, kind):
                return error
    return flat[0]
