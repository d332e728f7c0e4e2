"""`kindred settings`: every setting in force, and what set it. Secrets are masked.

The first thing to look at when a server does not do what its file says.
"""

import os
import sys
from pathlib import Path

import click


@click.command()
@click.option(
    "--config",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Settings file. Without it: kindred.toml in the data folder or in this one.",
)
@click.option("--data", help="Folder everything is kept in [default: .kindred; or KINDRED_DATA].")
@click.option("--changed", is_flag=True, help="Leave out what is at its default.")
@click.argument("prefix", default="")
def settings(config: Path | None, data: str | None, changed: bool, prefix: str) -> None:
    """Show every setting, its value, and the file, line or variable that set it.

    PREFIX narrows it: `kindred settings plans.free`. What each one means stands in
    docs/reference/settings.md.
    """
    from config.load import describe, read
    from config.problems import SettingsError

    try:
        loaded = read(config, os.environ, {"data": data})
    except SettingsError as error:
        click.echo(str(error), err=True)
        sys.exit(1)
    rows = [
        row
        for row in describe(loaded)
        if row[0].startswith(prefix) and not (changed and row[2] == "default")
    ]
    if not rows:
        click.echo(f"No setting begins with {prefix!r}." if prefix else "All is at its default.")
        sys.exit(1 if prefix else 0)
    widths = [min(max(len(row[column]) for row in rows), 48) for column in (0, 1)]
    for key, value, source in rows:
        click.echo(f"{key:<{widths[0]}}  {value:<{widths[1]}}  {source}".rstrip())
