"""A face of one's own for a companion: from a picture one may use, shown to oneself alone.

Nobody can see from a picture whose it is or how old they are. So its sender states that it is
theirs to use, that everybody it shows is an adult, and whom it shows; the statement is recorded
with its version, and what was sent is thrown away once the portrait is cut from it.
"""

import secrets
from typing import Final, Literal, Protocol

import asyncpg
import structlog
from msgspec import Struct

from media.avatar.picture.age_check import AgeCheck
from media.avatar.picture.claims import PictureRefused
from rooms.companions.catalogue import Catalogue
from rooms.errors import Conflict, Forbidden, Invalid, NotFound, Unavailable
from rooms.ports import Principal
from storage import people
from storage import pictures as store

logger = structlog.get_logger(__name__)
CONSENT_VERSION: Final = "1"
PURPOSE: Final = "companion_picture"
MOST: Final = 20
Depicts = Literal["me", "somebody_who_agreed", "nobody"]
# Reasons of media/avatar/picture, as codes that programs may rely on.
CODES: Final = {
    "unreadable": "picture_unreadable",
    "animated": "picture_animated",
    "too_many_bytes": "picture_too_many_bytes",
    "too_many_pixels": "picture_too_many_pixels",
    "too_small": "picture_too_small",
    "no_face": "picture_no_face",
    "several_faces": "picture_several_faces",
    "turned": "picture_turned",
    "not_adult": "picture_no_adult_face",
}


class Statement(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the sender says of a picture. `nobody`: a drawing or an invented person.

    owns: I may use it. adults: everybody in it is 18 or older.
    """

    owns: bool
    adults: bool
    depicts: Depicts


class Sent(Struct, frozen=True, kw_only=True):
    """Where a statement came from, as consents are recorded."""

    address: str
    agent: str


class PictureView(Struct, frozen=True, kw_only=True):
    """A picture in use. `created_at` is unix milliseconds."""

    companion: str
    picture: str
    depicts: str
    consent_version: str
    created_at: int


class Maker(Protocol):
    """media/avatar/picture/portrait.py `PortraitMaker`."""

    async def make(self, data: bytes) -> bytes: ...


class Pictures:
    """Keeps what people give their companions to wear."""

    def __init__(
        self, db: asyncpg.Pool, maker: Maker, catalogue: Catalogue, check: AgeCheck | None = None
    ) -> None:
        """`check`: the operator's judge of ages; with one, nothing passes without its yes."""
        self._db = db
        self._check = check
        self._maker = maker
        self._catalogue = catalogue

    async def give(
        self, who: Principal, companion: str, data: bytes, said: Statement, sent: Sent
    ) -> PictureView:
        """Cut a portrait and keep it. Raises Forbidden, Invalid, NotFound, Conflict."""
        _check(who, said)
        found = await self._id(who, companion)
        row = store.PictureRow(
            picture=f"pic_{secrets.token_hex(10)}",
            portrait=await self._portrait(data),
            depicts=said.depicts,
            consent=CONSENT_VERSION,
            created_at=0,
        )
        person = who.person.id
        await people.consent(
            self._db, person, PURPOSE, f"{CONSENT_VERSION}/{said.depicts}",
            granted=True, address=sent.address, agent=sent.agent,
        )  # fmt: skip
        if not await store.keep_picture(self._db, person, found, row, MOST):
            raise Conflict(
                f"You gave {MOST} companions a face already: take one away first.",
                code="picture_limit",
            )
        logger.info("a companion got a picture", companion=found, depicts=said.depicts)
        return await self.show(who, found)

    async def show(self, who: Principal, companion: str) -> PictureView:
        """What this person gave this companion."""
        found, row = await self._row(who, companion)
        return PictureView(
            companion=found,
            picture=row.picture,
            depicts=row.depicts,
            consent_version=row.consent,
            created_at=row.created_at,
        )

    async def portrait(self, who: Principal, companion: str) -> bytes:
        """The portrait as JPEG."""
        _, row = await self._row(who, companion)
        return row.portrait

    async def take(self, who: Principal, companion: str, sent: Sent) -> None:
        """Forget the picture; the consent is recorded as withdrawn."""
        found = await self._id(who, companion)
        row = await store.find_picture(self._db, who.person.id, found)
        if row is None or not await store.drop_picture(self._db, who.person.id, found):
            raise _none()
        await people.consent(
            self._db, who.person.id, PURPOSE, f"{row.consent}/{row.depicts}",
            granted=False, address=sent.address, agent=sent.agent,
        )  # fmt: skip

    async def _id(self, who: Principal, companion: str) -> str:
        """The id of a companion this person may see. Raises NotFound."""
        viewer = await self._catalogue.viewer(who)
        return (await self._catalogue.find(companion, viewer)).id

    async def _row(self, who: Principal, companion: str) -> tuple[str, store.PictureRow]:
        found = await self._id(who, companion)
        row = await store.find_picture(self._db, who.person.id, found)
        if row is None:
            raise _none()
        return found, row

    async def _portrait(self, data: bytes) -> bytes:
        try:
            portrait = await self._maker.make(data)
            if self._check is not None:
                await self._check.admit(portrait)
            return portrait
        except PictureRefused as why:
            if why.reason in CODES:
                raise Invalid(str(why), code=CODES[why.reason], path="$.picture") from why
            raise Unavailable(
                str(why),
                code="pictures_unavailable",
                retryable=why.reason in ("busy", "no_check"),
            ) from why


async def worn(db: asyncpg.Pool, person: str, companion: str) -> bytes:
    """What a call shows this person; empty for the companion's own face."""
    row = await store.find_picture(db, person, companion)
    return row.portrait if row else b""


def _check(who: Principal, said: Statement) -> None:
    if who.minor:
        raise Forbidden("Faces from pictures are for adults.", code="adults_only")
    if not said.owns:
        raise Invalid("Only a picture that is yours to use.", code="picture_not_yours",
                      path="$.statement.owns")  # fmt: skip
    if not said.adults:
        raise Invalid("Only a picture of adults.", code="picture_not_adult",
                      path="$.statement.adults")  # fmt: skip


def _none() -> NotFound:
    return NotFound("This companion wears its own face.", code="picture_not_found")
