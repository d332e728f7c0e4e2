"""`kindred admin` on a real data folder, through the command line."""

from pathlib import Path

import pytest

from server.supervisor.folder import DataFolder
from tests.server.house import kindred

pytestmark = [pytest.mark.stores, pytest.mark.long]
ADA = ["--email", "ada@example.org", "--username", "ada", "--birth-date", "1990-12-10",
       "--password", "correct horse"]  # fmt: skip


@pytest.fixture
def data(tmp_path: Path) -> str:
    folder = DataFolder(tmp_path)
    folder.claim()
    folder.release()
    return str(tmp_path)


def test_an_administrator_is_made_given_credits_and_listed(data: str) -> None:
    made = kindred("admin", "create", "--data", data, *ADA)
    assert made.returncode == 0, made.stderr
    assert "ada (u_" in made.stdout
    for _ in range(2):
        given = kindred("admin", "grant-credits", "--data", data, "ada", "250", "--reference", "x")
        assert given.returncode == 0, given.stderr
        assert given.stdout == "ada has 250.00 credits to spend.\n", "once per reference"
    listed = kindred("admin", "list", "--data", data)
    assert listed.returncode == 0, listed.stderr
    assert "admin" in listed.stdout
    assert "example.org" not in listed.stdout
    again = kindred("admin", "create", "--data", data, *ADA)
    assert "is now an admin" in again.stdout


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (["--birth-date", "2020-01-01"], "One must be 18"),
        (["--birth-date", "yesterday"], "birth_date"),
        (["--password", "short"], "password"),
    ],
)
def test_what_is_wrong_is_said(data: str, change: list[str], said: str) -> None:
    done = kindred("admin", "create", "--data", data, *ADA, *change)
    assert done.returncode == 1
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_a_role_and_a_plan_are_set_from_the_command_line(data: str) -> None:
    assert kindred("admin", "create", "--data", data, *ADA).returncode == 0
    done = kindred("admin", "set", "--data", data, "ada", "--role", "moderator", "--plan", "vip")
    assert done.returncode == 0, done.stderr
    assert "now has the role moderator and the plan vip." in done.stdout
    listed = kindred("admin", "list", "--data", data).stdout
    assert "moderator" in listed
    assert "vip" in listed
    for wrong, said in (
        (["--plan", "gold"], "There is no plan 'gold'"),
        (["--role", "king"], "'king' is not one of"),
        ([], "Say what to set"),
    ):
        refused = kindred("admin", "set", "--data", data, "ada", *wrong)
        assert refused.returncode != 0
        assert said in refused.stderr


def test_nobody_by_that_name_is_said(data: str) -> None:
    done = kindred("admin", "grant-credits", "--data", data, "nobody", "1")
    assert done.returncode == 1
    assert "see `kindred admin list`" in done.stderr
