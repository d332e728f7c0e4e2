"""The routes of the browser app: its files, its shell, its service worker.

Every file's address carries a fingerprint of the whole folder, so a browser may keep it for
good and a new version is a new address; only the shell and the worker are asked for again.
"""

import gzip
import hashlib
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

FOLDER: Final = Path(__file__).parent
KEPT_FOR_GOOD: Final = "public, max-age=31536000, immutable"
KEPT_FOR_A_DAY: Final = "public, max-age=86400"
ASKED_AGAIN: Final = "no-cache"
GZIP_BYTES_MIN: Final = 512
POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
    "connect-src 'self'; font-src 'self'; media-src 'self' blob:; manifest-src 'self'; "
    "worker-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
TYPES: Final = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
    ".webmanifest": "application/manifest+json",
    ".woff2": "font/woff2",
}
SHRINKING: Final = frozenset({".css", ".html", ".js", ".svg", ".txt", ".webmanifest"})
# Where the app draws its own screens; anything else is answered by the server, or not at all.
APP_PATHS: Final = (
    "/",
    "/welcome",
    "/sign-up",
    "/log-in",
    "/forgot",
    "/discover",
    "/discover/{companion}",
    "/create",
    "/create/{companion}",
    "/discover/{companion}/figure",
    "/chats",
    "/chats/{room}",
    "/chats/{room}/call",
    "/invitations/{code}",
    "/wallet",
    "/settings",
    "/settings/{part}",
    "/console",
    "/console/{room}",
    "/login",
    "/signup",
    "/room/{room}",
)
# Fetched when somebody calls, or sees a face; nobody else waits for them.
LATER: Final = (
    "app/calls/",
    "app/faces/",
    "app/figure/",
    "app/screens/call",
    "app/screens/create",
    "app/screens/figure",
    "app/screens/picture_face",
    "app/screens/reviews",
)
AT_ONCE: Final = frozenset(f"app/calls/{name}.js" for name in ("told", "help", "devices", "level"))
LEGAL: Final = ("terms", "privacy", "safety")


class File:
    """One file's bytes as they go out, shrunk at most once."""

    def __init__(self, data: bytes, kind: str) -> None:
        self.data = data
        self.kind = kind
        self.tag = f'"{hashlib.sha256(data).hexdigest()[:20]}"'
        self._gzipped: bytes | None = None

    def gzipped(self) -> bytes:
        """The same, compressed; kept in memory from the first time on."""
        if self._gzipped is None:
            self._gzipped = gzip.compress(self.data, 9, mtime=0)
        return self._gzipped

    def answer(self, request: Request, keep: str) -> Response:
        """This file for one request: not modified, gzipped, or plain."""
        headers = {"etag": self.tag, "cache-control": keep, "x-content-type-options": "nosniff"}
        if self.kind == ".html":
            headers["content-security-policy"] = POLICY
        if self.kind in SHRINKING:
            headers["vary"] = "Accept-Encoding"
        asked = request.headers.get("if-none-match", "")
        if self.tag in {one.strip().removeprefix("W/") for one in asked.split(",")}:
            return Response(status_code=304, headers=headers)
        body = self.data
        accepted = {
            one.partition(";")[0].strip()
            for one in request.headers.get("accept-encoding", "").split(",")
        }
        if self.kind in SHRINKING and len(body) >= GZIP_BYTES_MIN and "gzip" in accepted:
            body = self.gzipped()
            headers["content-encoding"] = "gzip"
        return Response(body, headers=headers, media_type=TYPES[self.kind])


class Site:
    """The folder as it is served: every public file, and the pages made from them."""

    def __init__(self, folder: Path) -> None:
        self.files: dict[str, File] = {
            path.relative_to(folder).as_posix(): File(path.read_bytes(), path.suffix)
            for path in sorted(folder.rglob("*"))
            if path.is_file() and path.suffix in TYPES
        }
        whole = hashlib.sha256()
        for name, file in self.files.items():
            whole.update(f"{name}\0{file.tag}\0".encode())
        self.build = whole.hexdigest()[:12]
        self.shell = self._filled("index.html")
        self.worker = self._filled("sw.js")
        self.legal = {name: self._filled(f"legal/{name}.html") for name in LEGAL}

    def address(self, name: str) -> str:
        """Where a file of this build lies."""
        return f"/static/{self.build}/{name}"

    def modules(self) -> list[str]:
        """The app's scripts, which the shell names at once so that none waits for another."""
        return [
            self.address(name)
            for name in self.files
            if name.endswith(".js")
            and name.startswith(("app/", "vendor/"))
            and name != "app/theme.js"
            and (not name.startswith(LATER) or name in AT_ONCE)
        ]

    def _kept(self) -> list[str]:
        """What the service worker keeps for when there is no network."""
        wanted = ("app/", "vendor/", "styles/", "fonts/")
        return [
            self.address(name)
            for name in self.files
            if name.startswith(wanted) and not name.endswith((".txt", ".html"))
        ]

    def _filled(self, name: str) -> File:
        """A page with the build's addresses in it."""
        preloads = "\n".join(f'<link rel="modulepreload" href="{one}">' for one in self.modules())
        text = self.files[name].data.decode()
        text = text.replace("{{base}}", f"/static/{self.build}")
        text = text.replace("{{build}}", self.build).replace("{{preloads}}", preloads)
        text = text.replace("{{files}}", ",\n".join(f'  "{one}"' for one in self._kept()))
        return File(text.encode(), self.files[name].kind)


def routes_of(site: Site) -> list[BaseRoute]:
    """The routes of one site."""

    async def static(request: Request) -> Response:
        file = site.files.get(request.path_params["name"])
        if file is None or request.path_params["name"] in {"index.html", "sw.js"}:
            raise HTTPException(404)
        current = request.path_params["build"] == site.build
        return file.answer(request, KEPT_FOR_GOOD if current else ASKED_AGAIN)

    async def icon(request: Request) -> Response:
        file = site.files.get(f"icons/{request.path_params['name']}")
        if file is None:
            raise HTTPException(404)
        return file.answer(request, KEPT_FOR_A_DAY)

    found: list[BaseRoute] = [Route(path, _page(site.shell)) for path in APP_PATHS]
    found += [Route(f"/{name}", _page(page)) for name, page in site.legal.items()]
    return [
        *found,
        Route("/sw.js", _page(site.worker)),
        Route("/manifest.webmanifest", _page(site.files["manifest.webmanifest"])),
        Route("/favicon.ico", _page(site.files["icons/icon-32.png"])),
        Route("/icons/{name}", icon),
        Route("/static/{build}/{name:path}", static),
    ]


def _page(file: File) -> Callable[[Request], Awaitable[Response]]:
    async def page(request: Request) -> Response:
        return file.answer(request, ASKED_AGAIN)

    return page


routes: list[BaseRoute] = routes_of(Site(FOLDER))
