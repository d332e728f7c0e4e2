"""The steps of one turn, told to a tracer if there is one; without one a step is nearly free.

A trace begins at a boundary (a frame, a request, another node's question) and goes along with
the task from there, as context does. What a step says are ids, kinds and numbers: never words.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from typing import Final, Protocol

Fact = str | int | float | bool


class Step(Protocol):
    """A span under way."""

    def tell(self, **facts: Fact) -> None:
        """What was found out about it."""

    def mark(self, name: str) -> None:
        """Something happened at this moment."""

    def end(self, at_ns: int | None = None) -> None:
        """It is over (by itself at the end of a `with`)."""


class Traces(Protocol):
    """server/observability/tracing.py, when tracing is on."""

    def step(self, name: str, facts: dict[str, Fact], parent: str) -> AbstractContextManager[Step]:
        """A span inside the one we are in, or in `parent` (a W3C traceparent) if that is given."""

    def begun(self, name: str, facts: dict[str, Fact], since_ns: int | None = None) -> Step:
        """A span that ends when it is told to, perhaps in another task."""

    def here(self) -> str:
        """The traceparent of the span we are in."""


class _Nothing:
    """A step of no trace."""

    __slots__ = ()

    def __enter__(self) -> "_Nothing":
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def tell(self, **facts: Fact) -> None:
        """Nobody asks."""

    def mark(self, name: str) -> None:
        """Nobody asks."""

    def end(self, at_ns: int | None = None) -> None:
        """It never began."""


NOTHING: Final = _Nothing()
_traces: ContextVar[Traces | None] = ContextVar("traces", default=None)


def step(name: str, **facts: Fact) -> AbstractContextManager[Step]:
    """A part of what is being traced, if anything is."""
    traces = _traces.get()
    return NOTHING if traces is None else traces.step(name, facts, "")


def past(name: str, began_ns: int, ended_ns: int, **facts: Fact) -> None:
    """A part that is over already."""
    traces = _traces.get()
    if traces is not None:
        traces.begun(name, facts, began_ns).end(ended_ns)


def here() -> str:
    """What another node needs to go on with this trace; empty without one."""
    traces = _traces.get()
    return "" if traces is None else traces.here()


@contextmanager
def beginning(traces: Traces, name: str, parent: str = "", **facts: Fact) -> Iterator[Step]:
    """The boundary: from here on, and in tasks made from here, steps are told to `traces`."""
    token = _traces.set(traces)
    try:
        with traces.step(name, facts, parent) as begun:
            yield begun
    finally:
        _traces.reset(token)
