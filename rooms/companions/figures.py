"""A figure (GLB, VRM) for a companion: a person's own, for their eyes, or the house's, for all.

It is checked before it is kept and never drawn here; the client moves it by the events of a call.
As with pictures, whoever gives one states that they may, and the statement is recorded.
"""

import asyncio
import secrets
import time
from pathlib import Path
from typing import Final, NoReturn

import asyncpg
import msgspec
import structlog
from msgspec import Struct

from config.figures import FigureSettings
from config.settings import Settings
from media.avatar.figure.about import About
from media.avatar.figure.check import check
from media.avatar.figure.container import FigureRefused
from rooms.companions.catalogue import Catalogue
from rooms.companions.pictures import Depicts, Sent, Statement
from rooms.errors import (
    Conflict,
    Forbidden,
    Invalid,
    NotFound,
    TooLarge,
    TooMany,
    Unavailable,
)
from rooms.ports import Principal
from storage import figures as store
from storage import people
from storage.blobs import KEY_BYTES, BlobDamaged, BlobMissing, Blobs, FileBlobs
from storage.recordings import house_key

logger = structlog.get_logger(__name__)
CONSENT_VERSION: Final = "1"
PURPOSE: Final = "companion_figure"
AT_ONCE: Final = 4  # files looked at at the same time; each may be tens of megabytes
SWEPT_SECONDS: Final = 3_600.0
_SWEEP: Final = 500
# Reasons of media/avatar/figure, as codes that programs may rely on.
CODES: Final = {
    "unreadable": "figure_unreadable",
    "damaged": "figure_damaged",
    "external": "figure_external",
    "extension": "figure_extension",
    "pictures": "figure_pictures",
    "too_detailed": "figure_too_detailed",
    "empty": "figure_empty",
}


class FigureView(Struct, frozen=True, kw_only=True):
    """A figure in use. `everybody`: it is the house's. `created_at` is unix milliseconds.

    `mouth` is the finest thing its lips follow: visemes, vowels, arkit, jaw or none.
    """

    companion: str
    figure: str
    everybody: bool
    bytes: int
    about: About
    depicts: Depicts
    consent_version: str
    created_at: int


class Figures:
    """Keeps what companions wear in three dimensions."""

    def __init__(
        self, db: asyncpg.Pool, blobs: Blobs, settings: FigureSettings, catalogue: Catalogue
    ) -> None:
        self._db = db
        self._blobs = blobs
        self._settings = settings
        self._catalogue = catalogue
        self._looking = 0

    def may_give(self, who: Principal, said: Statement) -> None:
        """Raises Forbidden and Invalid, before anything is read."""
        if who.minor:
            raise Forbidden("Figures of one's own are for adults.", code="adults_only")
        if not self._settings.offered and who.person.role != "admin":
            raise Forbidden("Figures are not offered here.", code="figures_not_offered")
        if not said.owns:
            raise Invalid("Only a figure that you may use.", code="figure_not_yours",
                          path="$.owns")  # fmt: skip
        if not said.adults:
            raise Invalid("Only a figure of an adult.", code="figure_not_adult",
                          path="$.adults")  # fmt: skip

    async def give(
        self,
        who: Principal,
        companion: str,
        data: bytes,
        said: Statement,
        sent: Sent,
        *,
        everybody: bool = False,
    ) -> FigureView:
        """Check a file and keep it. Raises ProductError."""
        self.may_give(who, said)
        if len(data) > self._settings.file_bytes:
            raise TooLarge(f"A figure may have {self._settings.file_bytes} bytes.")
        found = await self._id(who, companion)
        about = await self._checked(data)
        owner = store.EVERYBODY if everybody else who.person.id
        before = await store.figure_of(self._db, owner, found)
        address = await asyncio.to_thread(self._blobs.put, owner or "everybody", data)
        row = store.FigureRow(
            person=owner,
            companion=found,
            figure=f"fig_{secrets.token_hex(10)}",
            address=address,
            bytes=len(data),
            about=msgspec.to_builtins(about),
            depicts=said.depicts,
            consent=CONSENT_VERSION,
        )
        limits = self._settings
        if not await store.keep_figure(self._db, row, limits.kept_count, limits.kept_bytes):
            await self.forget([address])
            raise Conflict(
                "Your figures take up all the room there is: take one away first.",
                code="figure_limit",
            )
        await self._record(who, said.depicts, sent, granted=True)
        if before is not None and before.address != address:
            await self.forget([before.address])
        logger.info("a companion got a figure", companion=found, kind=about.kind, all=everybody)
        return _view(await self._row(owner, found, exactly=True))

    async def show(self, who: Principal, companion: str) -> FigureView:
        """What this person sees of this companion: their own, else the house's."""
        return _view(await self._seen(who, companion))

    async def file(self, who: Principal, companion: str) -> tuple[str, bytes]:
        """Its id and its bytes."""
        row = await self._seen(who, companion)
        try:
            return row.figure, await asyncio.to_thread(self._blobs.read, row.address)
        except BlobMissing as error:
            raise _none() from error
        except BlobDamaged as error:
            logger.error("a figure does not open", figure=row.figure)
            raise Unavailable("This figure is damaged.", retryable=False) from error

    async def take(
        self, who: Principal, companion: str, sent: Sent, *, everybody: bool = False
    ) -> None:
        """Take it back; the consent is recorded as withdrawn."""
        found = await self._id(who, companion)
        owner = store.EVERYBODY if everybody else who.person.id
        dropped = await store.drop_figure(self._db, owner, found)
        if dropped is None:
            raise _none()
        await self._record(who, dropped.depicts, sent, granted=False)
        await self.forget([dropped.address])

    # --- files

    async def addresses_of(self, person: str) -> list[str]:
        """Where all figures of a person lie: ask before their rows go."""
        return [row.address for row in await store.figures_of(self._db, person, 10_000)]

    async def forget(self, addresses: list[str]) -> None:
        """Erase files that no figure has any more."""
        named = await store.named_figures(self._db, addresses)
        for address in set(addresses) - named:
            await asyncio.to_thread(self._blobs.erase, address)

    async def sweep(self) -> int:
        """Erase files whose rows are gone; how many went."""
        gone, before = 0, time.time() - SWEPT_SECONDS
        lying = await asyncio.to_thread(lambda: list(self._blobs.addresses(before)))
        for at in range(0, len(lying), _SWEEP):
            some = lying[at : at + _SWEEP]
            for address in set(some) - await store.named_figures(self._db, some):
                gone += await asyncio.to_thread(self._blobs.erase, address)
        return gone

    # --- inside

    async def _checked(self, data: bytes) -> About:
        if self._looking >= AT_ONCE:
            raise TooMany("Many figures arrive just now.", retry_after_ms=2_000)
        self._looking += 1
        try:
            return await asyncio.to_thread(check, data)
        except FigureRefused as why:
            _refuse(why)
        finally:
            self._looking -= 1

    async def _record(self, who: Principal, depicts: str, sent: Sent, *, granted: bool) -> None:
        await people.consent(
            self._db, who.person.id, PURPOSE, f"{CONSENT_VERSION}/{depicts}",
            granted=granted, address=sent.address, agent=sent.agent,
        )  # fmt: skip

    async def _id(self, who: Principal, companion: str) -> str:
        viewer = await self._catalogue.viewer(who)
        return (await self._catalogue.find(companion, viewer)).id

    async def _seen(self, who: Principal, companion: str) -> store.FigureRow:
        return await self._row(who.person.id, await self._id(who, companion))

    async def _row(self, person: str, companion: str, *, exactly: bool = False) -> store.FigureRow:
        find = store.figure_of if exactly else store.find_figure
        row = await find(self._db, person, companion)
        if row is None:
            raise _none()
        return row


async def open_figures(db: asyncpg.Pool, settings: Settings, catalogue: Catalogue) -> Figures:
    """Figures sealed in the data folder, with a key that only the database has."""
    key = await house_key(db, "figures", secrets.token_bytes(KEY_BYTES))
    blobs = FileBlobs(Path(settings.data) / "figures", key)
    return Figures(db, blobs, settings.figures, catalogue)


def _view(row: store.FigureRow) -> FigureView:
    return msgspec.convert(
        {
            "companion": row.companion,
            "figure": row.figure,
            "everybody": row.person == store.EVERYBODY,
            "bytes": row.bytes,
            "about": row.about,
            "depicts": row.depicts,
            "consent_version": row.consent,
            "created_at": row.created_at,
        },
        FigureView,
    )


def _refuse(why: FigureRefused) -> NoReturn:
    raise Invalid(str(why), code=CODES[why.reason], path="$") from why


def _none() -> NotFound:
    return NotFound("This companion has no figure.", code="figure_not_found")
