"""What the browser is handed: addresses to keep for good, sizes, types, and a strict policy."""

import gzip
import re
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from server.web.serve import APP_PATHS, FOLDER, Site, routes_of

SCRIPT_BYTES_MAX = 150_000


@pytest.fixture(scope="module")
def site() -> Site:
    return Site(FOLDER)


@pytest.fixture
def client(site: Site) -> TestClient:
    return TestClient(Starlette(routes=routes_of(site)))


def test_every_screen_answers_with_the_shell(client: TestClient) -> None:
    for path in APP_PATHS:
        answer = client.get(re.sub(r"\{\w+\}", "x", path))
        assert answer.status_code == 200
        assert '<div id="app">' in answer.text
        assert answer.headers["cache-control"] == "no-cache"


def test_the_policy_allows_nothing_from_elsewhere_and_nothing_inline(client: TestClient) -> None:
    for page in ("/", "/terms", "/privacy", "/safety"):
        answer = client.get(page)
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert "http:" not in policy
        assert re.findall(r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son\w+=", answer.text) == []


def test_everything_the_shell_names_is_there_and_may_be_kept_for_good(client: TestClient) -> None:
    shell = client.get("/").text
    named = re.findall(r'(?:src|href)="(/static/[^"]+)"', shell)
    assert len(named) > 20
    for address in named:
        answer = client.get(address)
        assert answer.status_code == 200, address
        assert "immutable" in answer.headers["cache-control"]


def test_modules_import_only_what_is_served(client: TestClient, site: Site) -> None:
    for name, file in site.files.items():
        if not name.endswith(".js") or name == "sw.js":
            continue
        folder = Path(name).parent
        for wanted in re.findall(r"""\bfrom\s*["']([^"']+)["']""", file.data.decode()):
            assert wanted.startswith("."), f"{name} imports {wanted!r}, which no browser can find"
            target = (FOLDER / folder / wanted).resolve().relative_to(FOLDER).as_posix()
            assert target in site.files, f"{name} imports {wanted}"


def test_an_unchanged_file_is_not_sent_again(client: TestClient, site: Site) -> None:
    address = site.address("app/main.js")
    tag = client.get(address).headers["etag"]
    assert client.get(address, headers={"if-none-match": f'"other", {tag}'}).status_code == 304
    assert client.get(address, headers={"if-none-match": '"other"'}).status_code == 200


def test_scripts_are_sent_shrunk_and_stay_small(client: TestClient, site: Site) -> None:
    total = 0
    for address in [*site.modules(), site.address("app/theme.js")]:
        answer = client.get(address, headers={"accept-encoding": "gzip"})
        assert answer.headers["content-type"].startswith("text/javascript")
        name = address.removeprefix(f"/static/{site.build}/")
        total += len(site.files[name].gzipped())
        assert answer.content == site.files[name].data
    assert total < SCRIPT_BYTES_MAX


def test_whoever_takes_no_gzip_gets_none(client: TestClient, site: Site) -> None:
    answer = client.get(site.address("app/main.js"), headers={"accept-encoding": "identity"})
    assert "content-encoding" not in answer.headers
    assert answer.headers["vary"] == "Accept-Encoding"


def test_an_old_build_is_answered_but_not_kept(client: TestClient) -> None:
    answer = client.get("/static/000000000000/app/main.js")
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-cache"


@pytest.mark.parametrize(
    "name", ["serve.py", "tsconfig.json", "types.d.ts", "index.html", "../serve.py", "%2e%2e/x"]
)
def test_what_is_not_for_browsers_is_not_served(client: TestClient, site: Site, name: str) -> None:
    assert client.get(f"/static/{site.build}/{name}").status_code == 404


def test_the_worker_keeps_every_script_style_and_font(client: TestClient, site: Site) -> None:
    worker = client.get("/sw.js")
    assert worker.headers["cache-control"] == "no-cache"
    for name in site.files:
        if name.endswith((".js", ".css", ".woff2")) and name != "sw.js":
            assert site.address(name) in worker.text, name


def test_a_changed_file_changes_every_address(tmp_path: Path, site: Site) -> None:
    for name, file in site.files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(file.data)
    assert Site(tmp_path).build == site.build
    (tmp_path / "app/main.js").write_text("// other")
    assert Site(tmp_path).build != site.build


def test_what_others_wrote_comes_with_its_licence() -> None:
    for script in (FOLDER / "vendor").glob("*.js"):
        assert script.name in (FOLDER / "vendor/README.md").read_text()
    licences = {path.name for path in (FOLDER / "vendor").glob("LICENSE.*")}
    assert licences == {"LICENSE.preact", "LICENSE.htm", "LICENSE.signals", "LICENSE.idb"}
    assert "Open Font License" in (FOLDER / "fonts/OFL.txt").read_text()


def test_gzip_is_what_it_says(site: Site) -> None:
    file = site.files["app/main.js"]
    assert gzip.decompress(file.gzipped()) == file.data
    assert file.gzipped() is file.gzipped()
