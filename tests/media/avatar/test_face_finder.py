"""What fetches the networks that find faces says in one line why it could not, and goes on."""

from pathlib import Path

import pytest

from media.avatar.picture import models

UV = """  × Failed to fetch: `https://example.invalid/simple/mediapipe/`
  ├─▶ error sending request for url
  ╰─▶ invalid peer certificate: UnknownIssuer
"""
PIP = """WARNING: Retrying after connection broken
ERROR: No matching distribution found for mediapipe
"""


def test_the_last_cause_is_the_reason() -> None:
    assert models.reason(UV) == "invalid peer certificate: UnknownIssuer"
    assert models.reason(PIP) == "No matching distribution found for mediapipe"
    assert models.reason("") == "the installer gave no reason"
    assert len(models.reason("x" * 9_000)) <= 300


def test_the_certificates_of_the_system_are_trusted_and_pip_comes_after_uv(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    uv, certificates = tmp_path / "uv", tmp_path / "certificates"
    assert [one[-2:] for one in models.installers(uv)] == [["pip", "install"]]
    uv.touch()
    monkeypatch.setattr(models, "CERTIFICATES", certificates)
    assert models.installers(uv)[0] == [str(uv), "pip", "install"]
    certificates.touch()
    first, second = models.installers(uv)
    assert first == [str(uv), "pip", "install", "--system-certs"]
    assert second[1:] == ["-m", "pip", "install"]


@pytest.mark.parametrize(
    ("installer", "said"),
    [
        (["/no/such/installer"], "cannot be run (No such file or directory)"),
        (["sh", "-c", "echo ERROR: certificate verify failed >&2; exit 1"], "certificate verify"),
        (["true"], "the wheel cannot be used"),
    ],
)
def test_a_failure_is_one_line_without_the_command(
    installer: list[str],
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(models, "installers", lambda _: [installer])
    monkeypatch.setattr(models, "default_folder", lambda: tmp_path / "faces")
    assert models.main() == 1
    shown = capsys.readouterr().err
    assert said in shown
    assert shown.count("\n") == 1
    assert "returned non-zero" not in shown
    assert "--require-hashes" not in shown
