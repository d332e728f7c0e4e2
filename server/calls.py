"""How a call comes in by HTTP: an offer to a media worker, the leg to the room's holder.

Nothing of the call is decided here; a refusal of the room closes the leg that was opened for it.
"""

import base64
import hashlib
import hmac
import time
from collections.abc import Callable
from typing import Final

from msgspec import Struct

from config.media import MediaSettings
from media.calls.control import LegRefused, WorkerAway
from media.calls.leg import GoneReason
from media.calls.offers import BadOffer, check_offer
from media.calls.wire import CallKind, IceServer
from media.calls.workers import NoWorker, OpenedLeg, Workers
from realtime.service import Realtime
from rooms.commands import CallEnd, CallJoin
from rooms.errors import BadRequest, Conflict, NotFound, ProductError, Unavailable
from rooms.ports import Principal

RETRY_MS: Final = 5_000


class Answered(Struct, frozen=True, kw_only=True):
    """A call's new connection. `leg` names it, for further candidates."""

    call: str
    answer: str
    leg: str


class CallDoor:
    """The gateway's way to the media workers."""

    def __init__(
        self,
        settings: MediaSettings,
        workers: Workers,
        realtime: Realtime,
        *,
        camera: bool = False,
    ) -> None:
        """`camera`: people may send pictures of their own; otherwise browsers are asked not to."""
        self.camera = camera
        self.settings = settings
        self.workers = workers
        self._realtime = realtime

    async def answer(
        self,
        who: Principal,
        offer: str,
        *,
        room: str,
        kind: CallKind,
        call: str | None,
        key: str,
    ) -> Answered:
        """A peer connection for a call, a new one or `call`. Raises ProductError."""
        try:
            check_offer(offer, video=kind == "video")
            ice = self.ice_servers(who.person.id) if self.settings.workers_behind_nat else ()
            opened = await self.workers.open_leg(
                offer, kind, tuple(ice), camera=self.camera and kind == "video"
            )
        except BadOffer as error:
            raise BadRequest(str(error), code=error.code) from error
        except LegRefused as error:
            raise BadRequest(str(error), code=error.code) from error
        except NoWorker as error:
            raise no_worker(error) from error
        return Answered(
            call=await self.join(who, opened, room=room, kind=kind, call=call, key=key),
            answer=opened.answer,
            leg=f"{opened.worker}.{opened.address.leg}",
        )

    async def join(
        self,
        who: Principal,
        opened: OpenedLeg,
        *,
        room: str,
        kind: CallKind,
        call: str | None,
        key: str,
    ) -> str:
        """Give an opened leg to the room's holder; the call's id. Raises ProductError."""
        command = CallJoin(id="0", room=room, kind=kind, leg=opened.address, call=call)
        try:
            answer = await self._realtime.command(who, command, key)
        except ProductError:
            await self._close(opened, "failed")
            raise
        return answer.call or ""

    async def trickle(self, leg: str, fragment: str) -> None:
        """Further candidates of a peer. Raises ProductError."""
        worker, _, name = leg.rpartition(".")
        try:
            link = await self.workers.control(worker)
            await link.trickle(name, fragment)
        except WorkerAway as error:
            raise NotFound("This connection is over.", code="leg_gone") from error
        except LegRefused as error:
            kinds: dict[str, type[ProductError]] = {"leg_gone": NotFound, "ice_restart": Conflict}
            raise kinds.get(error.code, BadRequest)(str(error), code=error.code) from error

    async def hang_up(self, who: Principal, room: str, call: str, key: str) -> None:
        """End a call; ending one that has ended is no error. Raises ProductError."""
        await self._realtime.command(who, CallEnd(id="0", room=room, call=call), key)

    async def _close(self, opened: OpenedLeg, reason: GoneReason) -> None:
        try:
            (await self.workers.control(opened.worker)).close_leg(opened.address.leg, reason)
        except WorkerAway:
            return

    def ice_servers(self, person: str, clock: Callable[[], float] = time.time) -> list[IceServer]:
        """Where this person's browser may find its address, or a relay."""
        settings = self.settings
        servers = [IceServer(urls=settings.stun)] if settings.stun else []
        if settings.turn:
            username, credential = "", ""
            if settings.turn_secret:
                until = int(clock()) + settings.turn_seconds
                username, credential = turn_credentials(settings.turn_secret, person, until)
            servers.append(IceServer(urls=settings.turn, username=username, credential=credential))
        return servers


def turn_credentials(secret: str, person: str, until: int) -> tuple[str, str]:
    """What coturn with `use-auth-secret` takes until that second.

    The relay sees the name; a person's id does not leave the house with it.
    """
    name = hashlib.sha256(f"{secret}:{person}".encode()).hexdigest()[:16]
    username = f"{until}:{name}"
    digest = hmac.new(secret.encode(), username.encode(), hashlib.sha1).digest()
    return username, base64.b64encode(digest).decode()


def links(servers: list[IceServer]) -> list[str]:
    """The Link headers of RFC 9725."""
    found = []
    for server in servers:
        for url in server.urls:
            named = f'; username="{server.username}"; credential="{server.credential}"'
            suffix = f'{named}; credential-type="password"' if server.username else ""
            found.append(f'<{url}>; rel="ice-server"{suffix}')
    return found


def no_worker(error: NoWorker) -> Unavailable:
    """Why there is nobody to carry a call, for whoever wanted one."""
    if error.full:
        return Unavailable(
            "All lines are busy; try again in a moment.", code="at_capacity",
            retry_after_ms=RETRY_MS,
        )  # fmt: skip
    return Unavailable(
        "No media worker runs; see docs/guides/calls.md.", code="no_media_worker",
        retry_after_ms=RETRY_MS,
    )  # fmt: skip
