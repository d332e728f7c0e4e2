"""The `kindred` command. Each subcommand says what it does, and imports its work only when run.

Other rooms add commands through the entry-point group `kindred.commands`: a name and a
click command; nobody here knows who they are.
"""

import os
import sys
from functools import partial
from importlib import import_module
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from config.settings import Settings

COMMANDS = "kindred.commands"
_ELSEWHERE = {"settings": "server.show_settings:settings"}  # loaded when asked for


class Commands(click.Group):
    """Our own commands, and those that others register by entry point."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """Every name, ours first."""
        theirs = sorted(entry.name for entry in entry_points(group=COMMANDS))
        return list(dict.fromkeys([*self.commands, *_ELSEWHERE, *theirs]))

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        """Ours, or one that is loaded now."""
        ours = super().get_command(ctx, name)
        if ours is not None:
            return ours
        if name in _ELSEWHERE:
            module, _, attribute = _ELSEWHERE[name].partition(":")
            command: click.Command = getattr(import_module(module), attribute)
            return command
        for entry in entry_points(group=COMMANDS, name=name):
            found: click.Command = entry.load()
            return found
        return None


config_option = click.option(
    "--config",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Settings file. Without it: kindred.toml in the data folder or in this one.",
)
data_option = click.option(
    "--data", help="Folder everything is kept in [default: .kindred; or set KINDRED_DATA]."
)


def load_settings(config: Path | None, **flags: Any) -> "Settings":
    """Settings from everywhere, or the list of what is wrong with them and exit status 1.

    A flag's name is its key with `__` for the dot.
    """
    from config.problems import SettingsError

    try:
        return read_settings(config, **flags)
    except SettingsError as error:
        click.echo(str(error), err=True)
        sys.exit(1)


def read_settings(config: Path | None, **flags: Any) -> "Settings":
    """The same, for whoever lives on when they are wrong. Raises SettingsError."""
    from config.load import load

    overrides = {name.replace("__", "."): value for name, value in flags.items()}
    return load(config, os.environ, overrides)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="kindred", message="Kindred %(version)s")
def main() -> None:
    """Kindred: a server for AI companions.

    Start with `kindred up`; it brings everything it needs and prints the address to open.
    `kindred doctor` shows which parts are in use and how to replace each.
    """


@main.command()
@config_option
@data_option
@click.option(
    "--preset", help="Which business to run: emotional, dream, bharat, virtual, studio [emotional]."
)
@click.option("--host", help="Address to listen on; 0.0.0.0 lets other machines in [127.0.0.1].")
@click.option("--port", type=int, help="Port to listen on [8000; or set KINDRED_PORT].")
@click.option("--gateways", type=click.IntRange(1, 64), help="Gateway processes on that port [1].")
@click.option("--tls", nargs=2, metavar="CERT KEY", help="PEM files; phones need https to record.")
@click.option(
    "--role",
    "roles",
    multiple=True,
    type=click.Choice(["stores", "model", "speech", "calls", "faces", "gateway"]),
    help="Run only this part here (may be repeated) [all].",
)
def up(
    config: Path | None,
    data: str | None,
    preset: str | None,
    host: str | None,
    port: int | None,
    gateways: int | None,
    tls: tuple[str, str] | None,
    roles: tuple[str, ...],
) -> None:
    """Start everything in the foreground and print the address to open.

    The database, the bus and a small demonstration model are started as children of this
    process, with everything kept in one data folder. Ctrl-C stops them in order.

    \b
    Examples:
      kindred up                         on this machine only
      kindred up --host 0.0.0.0 --tls cert.pem key.pem
      kindred up --gateways 3 --preset dream
    """
    from server.up import ROLES
    from server.up import up as run

    cert, key = tls or (None, None)
    flags = {
        "data": data, "preset": preset, "port": port, "server__host": host,
        "server__gateways": gateways, "server__tls_cert": cert, "server__tls_key": key,
    }  # fmt: skip
    again = partial(read_settings, config, **flags)
    sys.exit(run(load_settings(config, **flags), roles or ROLES, reload=again))


@main.command()
@config_option
@data_option
@click.option("--wait", default=300.0, show_default=True, help="Seconds to wait for the end.")
def restart(config: Path | None, data: str | None, wait: float) -> None:
    """Restart the gateways one after another, with the settings as they are now.

    People are told to reconnect and carry on at the next gateway: no word is lost, replies
    under way are finished. The database and the bus keep running.
    """
    from server.restart import restart_gateways

    sys.exit(restart_gateways(load_settings(config, data=data), wait))


@main.command()
@config_option
@data_option
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of tables.")
def doctor(config: Path | None, data: str | None, as_json: bool) -> None:
    """Show every part in use: version, licence, origin, state, and what replaces it.

    Works while Kindred runs and while it does not. Exit status 1 when something is wrong.
    """
    from server.doctor import doctor as run

    sys.exit(run(load_settings(config, data=data), as_json=as_json))


@main.command()
@config_option
@data_option
@click.option("--check", is_flag=True, help="Only say what would be done; 1 if anything would.")
def migrate(config: Path | None, data: str | None, check: bool) -> None:
    """Bring the database's schema to this version.

    `kindred up` does this by itself. Use it before rolling out gateways on several machines,
    or with --check to see whether a step is due.
    """
    from server.maintenance import migrate_now

    sys.exit(migrate_now(load_settings(config, data=data), check=check))


@main.command()
@config_option
@data_option
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
def backup(config: Path | None, data: str | None, file: Path) -> None:
    """Write everything worth keeping into FILE (a .tar.gz), also while Kindred runs.

    The database is taken from one consistent snapshot, with keys, uploads and unsent mail.
    Keep the file safe: whoever has it can read everything.
    """
    from server.backup import backup_to

    sys.exit(backup_to(load_settings(config, data=data), file))


@main.command()
@config_option
@data_option
@click.option("--force", is_flag=True, help="Put what is there aside (it is renamed, not deleted).")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, exists=True))
def restore(config: Path | None, data: str | None, file: Path, force: bool) -> None:
    """Fill an empty data folder from FILE, made by `kindred backup`.

    Stop Kindred first. A backup of an older version is brought up to date, one of a newer
    version is refused.
    """
    from server.backup import restore_from

    sys.exit(restore_from(load_settings(config, data=data), file, force=force))


@main.group()
def admin() -> None:
    """Look after people: create an administrator, set roles and plans, give credits, list.

    These work on the data folder (or the database of the settings) directly, also while
    Kindred runs. Whoever can read the data folder can use them; nobody else can.
    """


@admin.command()
@config_option
@data_option
@click.option("--email", prompt="E-mail address", help="The address to sign in with.")
@click.option("--username", prompt="Name to sign in with", help="3 to 32 letters and digits.")
@click.option("--birth-date", prompt="Date of birth (YYYY-MM-DD)", help="As YYYY-MM-DD.")
@click.option("--country", default="US", show_default=True, help="Two letters.")
@click.password_option(help="Asked for when left out, so that it stays out of your history.")
def create(
    config: Path | None,
    data: str | None,
    email: str,
    username: str,
    birth_date: str,
    country: str,
    password: str,
) -> None:
    """Create an administrator, or make one of an account that exists.

    An existing account (found by its address) keeps its password.
    """
    from server import administration

    settings = load_settings(config, data=data)
    form = {
        "email": email, "username": username, "birth_date": birth_date, "country": country,
    }  # fmt: skip
    sys.exit(
        administration.told(
            settings, lambda db: administration.create(db, settings, form, password)
        )
    )


@admin.command("grant-credits")
@config_option
@data_option
@click.option("--reference", default="", help="Giving twice with the same one gives once.")
@click.option("--note", default="", help="Why; it stands in the ledger's entry.")
@click.argument("person")
@click.argument("credits", type=click.FloatRange(0.000001, 10_000_000))
def grant_credits(
    config: Path | None, data: str | None, reference: str, note: str, person: str, credits: float
) -> None:
    """Give PERSON (an address, name or id) CREDITS to spend; they do not expire.

    \b
    Example:
      kindred admin grant-credits ada 250 --note "thanks for the bug report"
    """
    from server import administration

    settings = load_settings(config, data=data)
    sys.exit(
        administration.told(
            settings,
            lambda db: administration.grant_credits(db, settings, person, credits, reference, note),
        )
    )


@admin.command("set")
@config_option
@data_option
@click.option("--role", type=click.Choice(["member", "moderator", "admin"]), help="What they may.")
@click.option("--plan", help="One of the plans in the settings.")
@click.argument("person")
def set_standing(
    config: Path | None, data: str | None, role: str | None, plan: str | None, person: str
) -> None:
    """Change the role or the plan of PERSON (an address, name or id).

    It holds from their next request on, also while Kindred runs.

    \b
    Example:
      kindred admin set ada --role moderator --plan vip
    """
    from server import administration

    if role is None and plan is None:
        raise click.UsageError("Say what to set: --role, --plan, or both.")
    settings = load_settings(config, data=data)
    sys.exit(
        administration.told(
            settings,
            lambda db: administration.set_standing(db, settings, person, role=role, plan=plan),
        )
    )


@admin.command("list")
@config_option
@data_option
@click.option("--limit", default=100, show_default=True, type=click.IntRange(1, 10_000))
def list_(config: Path | None, data: str | None, limit: int) -> None:
    """List accounts, the newest first: id, name, role, plan, standing."""
    from server import administration

    settings = load_settings(config, data=data)
    sys.exit(administration.told(settings, lambda db: administration.list_people(db, limit)))


@main.group()
def model() -> None:
    """Choose the language model that answers.

    The model that comes with Kindred is a demonstration: small, quick, English only. Any
    GGUF file or OpenAI-compatible address can take its place.
    """


@model.command("use")
@click.argument("target")
@click.option("--name", help="Which of the models at an address, where it has several.")
@click.option(
    "--api-key",
    envvar="MODEL_API_KEY",
    help="The address's key [or set MODEL_API_KEY, which no shell history keeps].",
)
@click.option("--vision", is_flag=True, help="It takes pictures: people may show it their camera.")
@click.option("--seconds", default=120.0, show_default=True, help="How long the trial may take.")
@config_option
@data_option
def use_model(
    target: str,
    name: str | None,
    api_key: str | None,
    vision: bool,
    seconds: float,
    config: Path | None,
    data: str | None,
) -> None:
    """Make TARGET the model: a GGUF file, or an OpenAI-compatible address.

    It is asked a trial question first; only if it answers is it written into kindred.toml in
    the data folder. Restart Kindred to use it.

    \b
    kindred model use ./models/some-model.Q4_K_M.gguf
    kindred model use https://openrouter.ai/api/v1 --name some/model
    kindred model use http://127.0.0.1:8080
    """
    import asyncio

    from rooms.dialogue.choose import choose_model
    from rooms.dialogue.trial import CannotChoose

    settings = load_settings(config, data=data)
    written = config or Path(settings.data) / "kindred.toml"
    try:
        choice = asyncio.run(
            choose_model(
                target,
                written,
                api_key=api_key,
                model=name,
                vision=vision,
                trial_seconds=seconds,
                say=click.echo,
            )
        )
    except CannotChoose as error:
        click.echo(f"Nothing was changed. {error}", err=True)
        sys.exit(1)
    trial = choice.trial
    click.echo(f"It said: {trial.reply}")
    speed = f"{trial.first_token_ms} ms to the first word, {trial.tokens_per_second:.0f} tokens/s"
    click.echo(f"{choice.provider.model} answers ({speed}).")
    click.echo(f"Written to {choice.config}. Restart Kindred to use it.")


if __name__ == "__main__":
    main()
