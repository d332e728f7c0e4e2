"""Log lines: JSON with ids and kinds, never words. What an exception says is left out.

A driver's error quotes the row, a provider's the prompt: so an exception is logged as its kinds
and the places in the code it came through, and a library's own line as its template.
"""

import logging
import traceback
from types import TracebackType
from typing import Any

import orjson
import structlog
from structlog.typing import EventDict, WrappedLogger

FRAMES_MAX = 24
CAUSES_MAX = 8


def set_up_logging() -> None:
    """Once per process, for our own lines and for those of libraries."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            without_words,
            structlog.processors.JSONRenderer(serializer=orjson.dumps),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.BytesLoggerFactory(),
    )
    root = logging.getLogger()
    if not any(isinstance(handler, Library) for handler in root.handlers):
        root.addHandler(Library(logging.WARNING))


def without_words(_: WrappedLogger, __: str, line: EventDict) -> EventDict:
    """Kinds and places of an exception in place of what it says."""
    wanted = line.pop("exc_info", None)
    error = _error_in(wanted)
    if error is not None:
        line["exception"] = told(error)
    return line


def _error_in(wanted: Any) -> BaseException | None:
    if isinstance(wanted, BaseException):
        return wanted
    if isinstance(wanted, tuple):
        return wanted[1] if isinstance(wanted[1], BaseException) else None
    if wanted:
        import sys

        return sys.exception()
    return None


def told(error: BaseException) -> list[dict[str, Any]]:
    """The exception and its causes: kind, code, places."""
    found: list[dict[str, Any]] = []
    waiting, seen = [error], set[int]()
    while waiting and len(found) < CAUSES_MAX:
        one = waiting.pop(0)
        if id(one) in seen:
            continue
        seen.add(id(one))
        entry: dict[str, Any] = {"kind": type(one).__name__, "at": _places(one.__traceback__)}
        code = getattr(one, "sqlstate", None) or getattr(one, "errno", None)
        if isinstance(code, str | int):
            entry["code"] = code
        found.append(entry)
        if isinstance(one, BaseExceptionGroup):
            waiting.extend(one.exceptions)
        cause = one.__cause__ or (None if one.__suppress_context__ else one.__context__)
        if cause is not None:
            waiting.append(cause)
    return found


def _places(trace: TracebackType | None) -> list[str]:
    frames = traceback.extract_tb(trace)[-FRAMES_MAX:]
    return [f"{_short(one.filename)}:{one.lineno} {one.name}" for one in frames]


def _short(path: str) -> str:
    return "/".join(path.rsplit("/", 3)[1:])


class Library(logging.Handler):
    """What uvicorn, asyncio and others log, as our lines: the template, not what it is filled with.

    asyncio writes the exception itself into its first line's rest, so of each only the first
    line is kept, and of asyncio's only up to a colon.
    """

    def emit(self, record: logging.LogRecord) -> None:
        """One line."""
        first = str(record.msg).partition("\n")[0][:200]
        if record.name == "asyncio":
            first = first.partition(":")[0].partition("<")[0]
        logger = structlog.get_logger(record.name)
        log = logger.error if record.levelno >= logging.ERROR else logger.warning
        log(first, logger=record.name, **({"exc_info": record.exc_info} if record.exc_info else {}))
