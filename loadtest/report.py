"""The report."""

from loadtest.outcome import Outcome


def html(outcome: Outcome) -> str:
    """One page."""
    return outcome.scenario
