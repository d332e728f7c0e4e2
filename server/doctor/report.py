"""Looking at everything at once, and printing what was found."""

import asyncio
from pathlib import Path

import msgspec

from config.settings import Settings
from server.doctor.faces import look_at_faces
from server.doctor.hearing import look_at_hearing
from server.doctor.parts import (
    look_at_bus,
    look_at_database,
    look_at_embeddings,
    look_at_mail,
    look_at_model,
)
from server.doctor.shapes import Report
from server.doctor.speech import look_at_speech
from server.doctor.surroundings import look_around
from server.supervisor.folder import DataFolder, kindred_version


async def examine(settings: Settings) -> Report:
    """Look at everything, at the same time."""
    folder = DataFolder(Path(settings.data))
    running = folder.running()
    parts = await asyncio.gather(
        look_at_database(settings, running),
        look_at_bus(settings, running),
        *(look_at_model(name, settings, running) for name in settings.models.use),
        look_at_embeddings(),
        look_at_mail(settings),
    )
    parts += await look_at_hearing(settings, running)
    parts += look_at_speech(settings)
    parts.append(look_at_faces(settings))
    return Report(
        kindred=kindred_version(),
        running=running is not None,
        url=running.web_url if running else "",
        parts=parts,
        surroundings=look_around(settings, folder.path),
    )


def doctor(settings: Settings, *, as_json: bool) -> int:
    """Print the report. Exit status 1 when something is wrong."""
    report = asyncio.run(examine(settings))
    if as_json:
        print(msgspec.json.format(msgspec.json.encode(report), indent=2).decode())
    else:
        _print(report)
    return 1 if report.wrong else 0


_MARKS = {
    "fine": "[green]✓[/]",
    "idle": "[dim]·[/]",
    "waiting": "[yellow]…[/]",
    "wrong": "[red]✗[/]",
}


def _print(report: Report) -> None:
    """Blocks of three lines, which also fit a narrow terminal."""
    from rich.console import Console
    from rich.markup import escape

    console = Console(highlight=False, soft_wrap=True)
    where = f"running at {report.url}" if report.running else "not running"
    console.print(f"[bold]Kindred {report.kindred}[/], {where}\n")
    for part in report.parts:
        title = escape(f"{part.what} {part.version}".strip(" -") + f": {part.state}")
        console.print(f"{_MARKS[part.condition]} [bold]{part.name:<16}[/] {title}")
        console.print(f"{'':<18} [dim]from {escape(part.origin)}; {escape(part.licence)}[/]")
        console.print(f"{'':<18} [dim]to replace it: {escape(part.replace)}[/]")
    console.print()
    for item in report.surroundings:
        console.print(f"{_MARKS[item.condition]} {item.name:<16} {escape(item.value)}")
        if item.advice:
            console.print(f"{'':<18} [yellow]{escape(item.advice)}[/]")
