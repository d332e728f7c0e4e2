"""What the settings loader promises an operator: an order, typed values, clear complaints."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from config.load import FILE, SettingsError, describe, load, read
from config.presets import preset_names


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to start in, so that no file of this machine is found by chance."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def complaint(
    text: str | None = None,
    environ: dict[str, str] | None = None,
    flags: dict[str, object] | None = None,
) -> str:
    """What is said about settings that cannot be used."""
    file = None
    if text is not None:
        file = Path(FILE)
        file.write_text(text)
    with pytest.raises(SettingsError) as caught:
        load(file, environ or {}, flags)
    return str(caught.value)


def test_without_anything_the_default_preset_is_run() -> None:
    settings = load(None, {})
    assert settings.preset == "emotional"
    assert list(settings.plans) == ["free", "premium", "vip"]


def test_later_sources_win_over_earlier_ones() -> None:
    file = Path(FILE)
    file.write_text("port = 1001\n[server]\ngateways = 2\n[plans.free]\nrecall = 3\n")
    environ = {"KINDRED_PORT": "1002", "KINDRED_SERVER__HOST": "0.0.0.0"}
    loaded = read(None, environ, {"port": 1003})
    assert loaded.settings.port == 1003
    assert loaded.settings.server.host == "0.0.0.0"
    assert loaded.settings.server.gateways == 2
    assert loaded.settings.plans["free"].recall == 3
    assert loaded.settings.plans["free"].allowance_microcredits == 10_000_000
    assert loaded.settings.sockets.heartbeat_ms == 25_000
    sources = {key: source for key, _, source in describe(loaded)}
    assert sources["port"] == "command line (port)"
    assert sources["server.host"] == "environment variable KINDRED_SERVER__HOST"
    assert sources["server.gateways"] == "kindred.toml line 3"
    assert sources["plans.free.recall"] == "kindred.toml line 5"
    assert sources["plans.free.title"].startswith("preset emotional.toml line ")
    assert sources["sockets.heartbeat_ms"] == "default"


def test_the_file_may_name_the_preset_and_the_environment_overrules_it() -> None:
    Path(FILE).write_text('preset = "dream"\n')
    assert load(None, {}).business.currency == "EUR"
    assert load(None, {"KINDRED_PRESET": "bharat"}).business.currency == "INR"


def test_the_file_is_looked_for_in_the_data_folder_then_here() -> None:
    Path("data").mkdir()
    Path("data", FILE).write_text("port = 1\n")
    Path(FILE).write_text("port = 2\n")
    Path("named.toml").write_text("port = 3\n")
    assert load(None, {}).port == 2
    assert load(None, {"KINDRED_DATA": "data"}).port == 1
    assert load(None, {}, {"data": "data"}).port == 1
    assert load(None, {"KINDRED_CONFIG": "named.toml"}).port == 3
    assert load(Path("named.toml"), {"KINDRED_CONFIG": FILE}).port == 3


def test_an_operators_own_preset_is_a_path() -> None:
    Path("ours.toml").write_text('[plans.free]\ntitle = "All"\n[business]\ncurrency = "JPY"\n')
    settings = load(None, {"KINDRED_PRESET": "ours.toml"})
    assert list(settings.plans) == ["free"]
    assert settings.business.currency == "JPY"


@pytest.mark.parametrize(
    ("variable", "text", "found"),
    [
        ("KINDRED_PORT", "8123", lambda s: s.port == 8123),
        ("KINDRED_MODELS__RETRIES", " 3 ", lambda s: s.models.retries == 3),
        ("KINDRED_MODELS__STALL_SECONDS", "2.5", lambda s: s.models.stall_seconds == 2.5),
        ("KINDRED_FEATURES__EXPLICIT_CONTENT", "On", lambda s: s.features.explicit_content is True),
        ("KINDRED_FEATURES__LANGUAGES", "en, fr", lambda s: s.features.languages == ["en", "fr"]),
        ("KINDRED_FEATURES__LANGUAGES", '["en"]', lambda s: s.features.languages == ["en"]),
        ("KINDRED_FEATURES__LANGUAGES", "", lambda s: s.features.languages == []),
        ("KINDRED_PLANS__FREE__MATCHES", "3", lambda s: s.plans["free"].matches == 3),
        ("KINDRED_PLANS__FREE__ROOMS", "4", lambda s: s.plans["free"].rooms == 4),
        ("KINDRED_PLANS__VIP", '{"rooms": 9}', lambda s: s.plans["vip"].rooms == 9),
        ("kindred_plans__vip__matches", "unlimited", lambda s: s.plans["vip"].matches != 0),
        (
            "KINDRED_PLANS__FREE__ALLOWANCE_MICROCREDITS",
            "70000",
            lambda s: s.plans["free"].allowance_microcredits == 70_000,
        ),
        (
            "KINDRED_PRICES__SCENARIO_MICROCREDITS__EASY",
            "5",
            lambda s: s.prices.scenario_microcredits == {"easy": 5},
        ),
    ],
)
def test_a_variable_is_read_by_the_type_of_its_setting(variable, text, found) -> None:
    assert found(load(None, {variable: text}))


def test_a_part_of_a_default_can_be_changed_alone() -> None:
    rate = load(None, {"KINDRED_API__SIGN_IN__REQUESTS": "7"}).api.sign_in
    assert (rate.requests, rate.window_seconds) == (7, 300)


def test_a_variable_finds_an_entry_whose_name_has_a_hyphen() -> None:
    Path(FILE).write_text('[models.providers.my-vllm]\nmodel = "m"\n')
    settings = load(None, {"KINDRED_MODELS__PROVIDERS__MY_VLLM__API_KEY": "k"})
    assert settings.models.providers["my-vllm"].api_key == "k"
    assert len(settings.models.providers) == 1


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "port = 1\n\n[server]\nhots = 1\n",
            'kindred.toml line 4: unknown key "server.hots"; did you mean "server.host"?',
        ),
        (
            "# a\n\n[server]\n\n\n\nprot = 8000\n",
            'kindred.toml line 7: unknown key "server.prot"; did you mean "port"?',
        ),
        ("[servre]\n", 'line 1: unknown key "servre"; did you mean "server"?'),
        ("server = 3\n", 'line 1: "server" must be a table'),
        ("port = 70000\n", 'line 1: "port" must be from 0 to 65535, not 70000'),
        ('port = "8000"\n', 'line 1: "port": expected a whole number, not "8000"'),
        ("port = true\n", 'line 1: "port": expected a whole number, not true'),
        (
            'a = """\nport = 1\n"""\n[accounts]\nminimum_age_years = 12\n',
            'line 5: "accounts.minimum_age_years" must be from 13 to 120, not 12',
        ),
        (
            '[plans.free]\nallowance_period = "weak"\n',
            '"day", "week", "month", "never", not "weak"; did you mean "week"?',
        ),
        ("port = \n", "kindred.toml line 1: not valid TOML"),
        ("port = 1\nport = 2\n", "kindred.toml line 2: not valid TOML"),
        ("[plans.gold]\nrecall = 1\n", 'line 1: "plans.gold.title" is missing'),
        ("[business.packages.x]\nprice_cents = 1\n", '"business.packages.x.title" is missing'),
        ('default_plan = "gold"\n', 'line 1: "default_plan" "gold" is no plan; known: free'),
        ('[models]\nuse = ["mine"]\n', 'line 2: "models.use" names "mine", which is no provider'),
        ('[server]\ntls_cert = "a.pem"\n', '"server.tls_key" is missing'),
        ("models.retries = nan\n", "expected a whole number"),
        ("models.stall_seconds = inf\n", '"models.stall_seconds" must be from'),
        ('[database]\nurl = "mysql://a"\n', "begins with postgresql://"),
    ],
)
def test_a_mistake_in_a_file_names_line_key_and_the_nearest_right_one(text: str, said: str) -> None:
    assert said in complaint(text)


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("KINDRED_PROT", "1", 'unknown setting; did you mean "KINDRED_PORT"?'),
        ("KINDRED_SERVER_HOST", "a", 'did you mean "KINDRED_SERVER__HOST"?'),
        ("KINDRED_SERVER_PORT", "1", 'did you mean "KINDRED_PORT"?'),
        (
            "KINDRED_PLANS__FREE__ALOWANCE_MICROCREDITS",
            "1",
            'did you mean "KINDRED_PLANS__FREE__ALLOWANCE_MICROCREDITS"?',
        ),
        ("KINDRED_PORT", "http", '"port": expected a whole number, not "http"'),
        ("KINDRED_PORT", "", '"port": expected a whole number, not ""'),
        ("KINDRED_DATA__X", "1", 'did you mean "KINDRED_DATA"?'),
        ("KINDRED_PRESET", "emotinal", "known: bharat, dream, emotional, studio, virtual; did"),
        ("KINDRED_SERVER", "x", '"server": expected a table, as JSON'),
        ("KINDRED_CONFIG", "nowhere.toml", "nowhere.toml: cannot be read: No such file"),
        ("KINDRED_PLANS__FREE__VOICE", "maybe", "expected true or false"),
    ],
)
def test_a_mistake_in_a_variable_names_it_and_the_nearest_right_one(
    variable: str, value: str, said: str
) -> None:
    text = complaint(environ={variable: value})
    assert said in text
    assert variable in text or variable == "KINDRED_CONFIG"


def test_a_mistake_in_a_flag_is_told_likewise() -> None:
    said = complaint(flags={"server.hst": "x"})
    assert said == (
        'command line (server.hst): unknown key "server.hst"; did you mean "server.host"?'
    )


def test_all_mistakes_are_told_at_once() -> None:
    with pytest.raises(SettingsError) as caught:
        load(None, {"KINDRED_PROT": "1", "KINDRED_PORT": "x"})
    assert len(caught.value.problems) == 2


def test_variables_that_are_no_settings_are_left_alone() -> None:
    assert load(None, {"KINDRED_MODEL_KEY": "x", "KINDRED_CHILD_ROLE": "gateway", "KIND": "1"})


def test_a_secret_is_never_shown() -> None:
    environ = {
        "KINDRED_DATABASE__URL": "postgresql://me:hunter2@db/x?sslpassword=hunter2&a=b",
        "KINDRED_BUS__URL": "redis://:hunter2@bus:6379",
        "KINDRED_MAIL__SMTP_URL": "smtp://me:hunter2@mail:587",
        "KINDRED_MODELS__PROVIDERS__X__API_KEY": "hunter2",
    }
    loaded = read(None, environ)
    told = {key: value for key, value, _ in describe(loaded)}
    assert told["database.url"] == "postgresql://me:***@db/x?sslpassword=***&a=b"
    assert told["models.providers.x.api_key"] == "(set)"
    assert "hunter2" not in str(told) + repr(loaded.settings)


def test_a_mistake_in_a_secret_does_not_print_it() -> None:
    Path(FILE).write_text("[models.providers.x]\napi_key = 424242\n")
    assert "424242" not in complaint(None, {"KINDRED_DATABASE__URL": "mysql://me:424242@h"})


@pytest.mark.parametrize("preset", preset_names())
def test_every_shipped_preset_loads(preset: str) -> None:
    assert load(None, {"KINDRED_PRESET": preset}).preset == preset


def test_reading_the_settings_imports_nothing_slow() -> None:
    code = "import sys, config.load; print(*sorted({n.partition('.')[0] for n in sys.modules}))"
    root = str(Path(__file__).resolve().parents[2])
    answer = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": root},
    )
    slow = {
        "asyncio",
        "ssl",
        "logging",
        "rich",
        "click",
        "structlog",
        "asyncpg",
        "openai",
    }
    assert slow.isdisjoint(answer.stdout.split())
