"""`kindred loadtest`: a scenario and how many, for how long, and what must not happen.

Registered through the entry-point group `kindred.commands`; `python -m loadtest` is the same.
"""

import asyncio
import sys
from pathlib import Path
from typing import Any

import click

from loadtest.arrivals import Unreadable, parse_ramp, parse_seconds
from loadtest.scenarios import SHIPPED, NoScenario, is_scenario, load
from loadtest.targets import TargetRefused
from loadtest.thresholds import ThresholdError, parse

EXIT_USAGE = 2
EXIT_STOPPED = 130


class Scenarios(click.Group):
    """Every scenario is a command, and so is a path to one's own."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return [*SHIPPED, *self.commands]

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        ours = super().get_command(ctx, name)
        if ours is not None or not is_scenario(name):
            return ours
        try:
            scenario = load(name)
        except NoScenario as error:
            raise click.UsageError(str(error)) from None
        options = "".join(f"\n  {key}={value}" for key, value in scenario.options.items())
        settings = f"\n\n\b\nIts settings (--set name=value):{options}" if options else ""
        return click.Command(
            name,
            callback=_callback(name),
            params=run_options(scenario.model),
            help=scenario.about + settings,
            short_help=scenario.about,
        )


class Read(click.ParamType[Any]):
    """An option read by one of our parsers, whose words are shown when it cannot."""

    def __init__(self, name: str, parser: Any) -> None:
        self.name = name
        self._parser = parser

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if not isinstance(value, str):
            return value
        try:
            return self._parser(value)
        except (Unreadable, ThresholdError) as error:
            self.fail(str(error), param, ctx)


SECONDS = Read("duration", parse_seconds)
RATE = Read("rate", parse_ramp)
THRESHOLD = Read("threshold", parse)


def run_options(model: str) -> list[click.Parameter]:
    """The options of every scenario."""
    o = click.Option
    return [
        o(["--url", "urls"], multiple=True, default=["http://127.0.0.1:8000"], show_default=True,
          help="Where Kindred listens; several nodes are used in turn."),
        o(["--i-may-load"], multiple=True, metavar="HOST",
          help="Allow a target that is not this machine, by naming it."),
        o(["--people"], type=click.IntRange(1, 1_000_000), default=100, show_default=True,
          help="How many different people there are."),
        o(["--tokens", "tokens"], type=click.Path(path_type=Path, dir_okay=False),
          help="The file that `seed` wrote [<data>/loadtest/people.json]."),
        o(["--data"], envvar="KINDRED_DATA", default=".kindred", show_default=True,
          help="Kindred's data folder, where `seed` puts its file."),
        o(["--model"], type=click.Choice(["open", "closed"]), default=model, show_default=True,
          help="open: people come at the rate, whatever the server does. closed: they stay."),
        o(["--ramp"], type=RATE, default="10/s" if model == "open" else "100/s",
          show_default=True, help="How many come a second: 50/s, or 1..100/s for a rising rate."),
        o(["--ramp-for"], type=SECONDS, help="How long the rate takes to change [the whole run]."),
        o(["--for", "for_seconds"], type=SECONDS, default="60s", show_default=True,
          help="How long the run lasts."),
        o(["--settle", "settle_seconds"], type=SECONDS, default="0s", show_default=True,
          help="Leave out the times of what began before, while people come, or after the end, "
               "while they leave. Counts stay."),
        o(["--every"], type=SECONDS, default="5s", show_default=True,
          help="How often a person means to speak."),
        o(["--messages"], type=click.IntRange(1), default=3, show_default=True,
          help="Messages of one visit, in the open model."),
        o(["--poisson"], is_flag=True, help="Let people come independently, not evenly."),
        o(["--timeout", "timeout_seconds"], type=SECONDS, default="30s", show_default=True,
          help="How long a person waits for an answer."),
        o(["--grace"], type=SECONDS, default="10s", show_default=True,
          help="How long the last ones may finish."),
        o(["--set", "settings"], multiple=True, metavar="NAME=VALUE",
          help="A setting of the scenario's own."),
        o(["--seed", "chance"], type=int, default=1, show_default=True,
          help="Where chance begins."),
        o(["--drivers"], type=click.IntRange(1, 64), default=1, show_default=True,
          help="Processes that make the load."),
        o(["--sources"], type=click.IntRange(1), default=1_000_000, show_default=True,
          help="Different addresses to come from, on this machine; 1 is the usual one."),
        o(["--fail-if"], type=THRESHOLD, multiple=True, metavar="THRESHOLD",
          help="Exit with 1 if so: 'p95(first_token)>2000ms', 'errors>1%'. May be repeated."),
        o(["--json", "json_path"], type=click.Path(path_type=Path, dir_okay=False),
          help="Write everything found as JSON."),
        o(["--html", "html_path"], type=click.Path(path_type=Path, dir_okay=False),
          help="Write a report with plots, in one file."),
        o(["--metrics-port"], type=click.IntRange(0, 65535),
          help="Serve Prometheus metrics of the run on this port of 127.0.0.1; 0 picks one."),
        o(["--quiet"], is_flag=True, help="Show the result only."),
    ]  # fmt: skip


def _callback(name: str) -> Any:
    def run(**given: Any) -> None:
        from loadtest.conduct import Refused, conduct

        try:
            status = asyncio.run(conduct(name, **given))
        except (TargetRefused, NoScenario, Refused) as error:
            click.echo(str(error), err=True)
            sys.exit(EXIT_USAGE)
        except KeyboardInterrupt:
            sys.exit(EXIT_STOPPED)
        sys.exit(status)

    return run


@click.group(cls=Scenarios, context_settings={"help_option_names": ["-h", "--help"]})
def loadtest() -> None:
    """Pretend to be many people, and measure what they get.

    Times count from the moment somebody meant to act, so a server that stalls cannot hide it.
    A scenario is a short Python file; name yours by its path.

    \b
    Examples:
      kindred loadtest seed --people 2000
      kindred loadtest chat --people 2000 --ramp 1..100/s --for 60s --html report.html
      kindred loadtest idle --people 5000 --drivers 3
      kindred loadtest chat --fail-if 'p95(first_token)>2000ms' --fail-if 'errors>0'
      kindred loadtest path/to/mine.py --set colour=green
    """


@loadtest.command()
@click.option("--config", type=click.Path(path_type=Path, dir_okay=False), help="Settings file.")
@click.option("--data", help="The data folder [default: .kindred; or set KINDRED_DATA].")
@click.option("--people", type=click.IntRange(1, 1_000_000), default=100, show_default=True)
@click.option("--companion", default="mira", show_default=True, help="Whom they talk to.")
@click.option("--plan", default="", help="Their plan [the default one].")
@click.option("--credits", type=click.FloatRange(0), default=1_000.0, show_default=True)
@click.option("--valid-for", type=SECONDS, default="24h", show_default=True)
@click.option("--shared-room", is_flag=True, help="Also put all of them into one room.")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False),
              help="Where their tokens go [<data>/loadtest/people.json].")  # fmt: skip
def seed(
    config: Path | None,
    data: str | None,
    people: int,
    companion: str,
    plan: str,
    credits: float,
    valid_for: float,
    shared_room: bool,
    out: Path | None,
) -> None:
    """Make people straight in the database, with tokens, rooms and credits.

    Works while Kindred runs and while it does not. The file with their tokens can be read by
    you only; nobody can sign in to these accounts with a password.
    """
    from loadtest.seed import Wanted, seed_now
    from server.cli import load_settings

    settings = load_settings(config, data=data)
    wanted = Wanted(
        people=people, companion=companion, plan=plan, credits=credits,
        valid_seconds=int(valid_for), shared_room=shared_room,
    )  # fmt: skip
    sys.exit(seed_now(settings, wanted, out or people_file(settings.data)))


@loadtest.command()
@click.option("--config", type=click.Path(path_type=Path, dir_okay=False), help="Settings file.")
@click.option("--data", help="The data folder [default: .kindred; or set KINDRED_DATA].")
@click.option("--tokens", type=click.Path(path_type=Path, dir_okay=False),
              help="The file that `seed` wrote [<data>/loadtest/people.json].")  # fmt: skip
def forget(config: Path | None, data: str | None, tokens: Path | None) -> None:
    """Erase the people that `seed` made, with everything they said.

    Only those in the file; what they paid stays in the books under a stand-in, as for anybody.
    """
    from loadtest.seed import forget_now
    from server.cli import load_settings

    settings = load_settings(config, data=data)
    sys.exit(forget_now(settings, tokens or people_file(settings.data)))


def people_file(data: str | Path) -> Path:
    """Where `seed` puts people, and where a run looks for them."""
    return Path(data) / "loadtest" / "people.json"
