"""`kindred restart`: ask a running supervisor for a rolling restart, and wait for its end.

The supervisor does it (server/supervisor/gateways.py); this only rings the bell.
"""

import os
import signal
import time
from pathlib import Path

import click

from config.settings import Settings
from server.supervisor.folder import DataFolder

LOOK_SECONDS = 0.1


def restart_gateways(settings: Settings, wait_seconds: float) -> int:
    """Ask, and wait. The exit status."""
    folder = DataFolder(Path(settings.data))
    state = folder.running()
    if state is None:
        click.echo(f"Nothing runs on {folder.path}: start it with kindred up.", err=True)
        return 1
    os.kill(state.pid, signal.SIGUSR1)
    deadline = time.monotonic() + wait_seconds
    while time.monotonic() < deadline:
        now = folder.running()
        if now is None:
            click.echo("It ended meanwhile; its own terminal says why.", err=True)
            return 1
        if now.renewals > state.renewals:
            click.echo(now.refused or "All gateways were renewed.", err=bool(now.refused))
            return 1 if now.refused else 0
        time.sleep(LOOK_SECONDS)
    text = f"Not done after {wait_seconds:.0f} s; the terminal of kindred up says why."
    click.echo(text, err=True)
    return 1
