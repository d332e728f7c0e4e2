"""The gpu extra's lock: each package held by a hash, at the version the main lock has."""

import re
import tomllib

PINNED = re.compile(r"^([A-Za-z0-9._-]+)==([^ \\;]+)[^\n]*\\$", re.MULTILINE)


def versions(text: str) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for name, version in PINNED.findall(text):
        found.setdefault(name.lower(), set()).add(version)
    return found


def test_it_agrees_with_what_is_installed_beside_it(house) -> None:
    config = house.root / "config"
    main = versions((config / "requirements.lock").read_text())
    extra = versions((config / "requirements-gpu.lock").read_text())
    assert {"torch", "diffusers", "transformers", "safetensors"} <= set(extra)
    assert len(main.keys() & extra.keys()) > 10
    assert {name: (main[name], extra[name]) for name in main.keys() & extra.keys()
            if main[name] != extra[name]} == {}  # fmt: skip


def test_every_package_is_held_by_a_hash(house) -> None:
    lock = (house.root / "config/requirements-gpu.lock").read_text()
    parts = re.split(r"^(?=[A-Za-z0-9])", lock, flags=re.MULTILINE)
    assert all("--hash=sha256:" in part for part in parts if "==" in part)
    assert "://" not in lock


def test_the_extra_names_what_the_lock_was_made_from(house) -> None:
    project = tomllib.loads((house.root / "pyproject.toml").read_text())["project"]
    wanted = (house.root / "config/requirements-gpu.in").read_text().splitlines()
    listed = {line for line in wanted if line and not line.startswith("#")}
    assert set(project["optional-dependencies"]["gpu"]) == listed


def test_the_installer_knows_it(house) -> None:
    script = (house.root / "config/install.sh").read_text()
    assert "requirements-gpu.lock" in script
    assert "run|dev|gpu" in script
