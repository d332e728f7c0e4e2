"""Calls in a LiveKit room: tokens for the person and for the companion, and what LiveKit reports.

Each call has a room of its own with a name nobody can guess; a media worker joins it as the
companion, so everything behind the leg is the same as in any other call.
"""

import secrets
from datetime import timedelta
from typing import Any

import structlog
from msgspec import Struct

from config.media import LiveKitSettings
from media.calls.control import LegRefused
from media.calls.wire import CallKind
from media.calls.workers import NoWorker
from rooms.errors import NotFound, Unauthorized, Unavailable
from rooms.ports import Principal
from server.calls import CallDoor, no_worker

logger = structlog.get_logger(__name__)
COMPANION = "companion"


class LiveKitCall(Struct, frozen=True, kw_only=True):
    """What LiveKit's client needs to join: `Room.connect(url, token)`."""

    call: str
    url: str
    token: str
    room: str


class LiveKitDoor:
    """Begins calls there. Raises NotFound where LiveKit is not set up."""

    def __init__(self, settings: LiveKitSettings, door: CallDoor) -> None:
        self._settings = settings
        self._door = door

    def check(self) -> None:
        """Raises NotFound."""
        settings = self._settings
        if not (settings.url and settings.key and settings.secret):
            raise NotFound("LiveKit is not set up here.", code="livekit_off")

    def token(self, identity: str, room: str) -> str:
        """A token for one participant of one room, and for nothing else."""
        from livekit import api

        grants = api.VideoGrants(
            room_join=True, room=room, can_publish=True, can_subscribe=True,
            can_publish_data=True,
        )  # fmt: skip
        made = api.AccessToken(self._settings.key, self._settings.secret)
        life = timedelta(seconds=self._settings.token_seconds)
        return str(made.with_identity(identity).with_grants(grants).with_ttl(life).to_jwt())

    async def begin(
        self, who: Principal, *, room: str, kind: CallKind, call: str | None, key: str
    ) -> LiveKitCall:
        """A call, with its companion already in the room. Raises ProductError."""
        self.check()
        name, person = f"call-{secrets.token_urlsafe(12)}", f"p-{secrets.token_hex(8)}"
        try:
            opened = await self._door.workers.open_room(
                self._settings.url, self.token(COMPANION, name), person, kind
            )
        except NoWorker as error:
            raise no_worker(error) from error
        except LegRefused as error:
            raise Unavailable("LiveKit cannot be joined now.", code="livekit_away") from error
        begun = await self._door.join(who, opened, room=room, kind=kind, call=call, key=key)
        token = self.token(person, name)
        return LiveKitCall(call=begun, url=self._settings.url, token=token, room=name)

    def reported(self, body: str, authorization: str) -> str:
        """What LiveKit's webhook says happened. Raises Unauthorized for a bad signature.

        Calls do not depend on it: the worker sees for itself who comes and goes.
        """
        self.check()
        from livekit import api

        verifier = api.TokenVerifier(self._settings.key, self._settings.secret)
        event: Any
        try:
            event = api.WebhookReceiver(verifier).receive(body, authorization)
        except Exception as error:  # PyJWT, protobuf and the SDK raise kinds of their own
            raise Unauthorized("This is not signed by LiveKit.", code="bad_signature") from error
        logger.info("LiveKit reports", what=event.event)
        return str(event.event)
