"""The only place where the house is put together: which implementation stands behind which port."""

import asyncio
import resource
import time
from functools import partial
from pathlib import Path

import asyncpg
import msgspec
import structlog

from config.settings import Settings
from config.sockets import for_gateways, within_descriptors
from media.avatar.ahead import Ahead
from media.avatar.picture.age_check import age_check
from media.avatar.picture.portrait import PortraitMaker
from media.avatar.portraits import Portraits
from media.avatar.rendering.links import FaceLinks
from media.avatar.sheets import Sheets
from media.calls.picture_check import picture_check
from media.calls.workers import Workers
from media.inference.client import Inference
from media.speech.ports import Speaker, VoiceChoice
from realtime.legs import Legs
from realtime.openai_socket import Companions, VoiceParts
from realtime.service import Realtime
from realtime.transports import openai_realtime
from rooms.calls.callers import caller_of, may_speak_ms, refusal_of
from rooms.calls.camera import cameras_offered
from rooms.calls.face import Faces
from rooms.calls.parts import CallParts
from rooms.calls.voices import HouseVoices, Speaks
from rooms.companions.catalogue import Catalogue
from rooms.companions.figures import open_figures
from rooms.companions.making import Making
from rooms.companions.pictures import Pictures, worn
from rooms.company import Company
from rooms.completion import complete
from rooms.credits.by_second import SecondsCredits
from rooms.credits.calls import CallCredits
from rooms.credits.entitlements import Entitlements
from rooms.credits.jobs import JobCredits
from rooms.credits.wallet import Credits
from rooms.dialogue.router import Router
from rooms.errors import NotFound
from rooms.events import Notice
from rooms.lobby import Lobby
from rooms.memory.embeddings import build_embeddings
from rooms.memory.recall import MessageRecall
from rooms.moderation.rules import RuleScreen, shipped_rules
from rooms.ports import LiveRoom, Principal, RoomLog
from rooms.room import ChatRoom, RoomParts
from rooms.speaking import Speaking
from rooms.takeover import end_what_was_left
from rooms.tree import KEPT, Tree
from rooms.turn import TurnParts
from rooms.voices import choice_of
from server.accounts.absent import principal_of
from server.accounts.kept_files import KeptFiles
from server.accounts.passwords import Passwords
from server.accounts.service import Accounts
from server.accounts.tokens import Tokens, new_signing_key
from server.calls import CallDoor
from server.house import House
from server.kept_sound import kept_sound, kept_while_agreed
from server.livekit import LiveKitDoor
from server.mail import Mailer
from server.observability.lag import LoopLag
from server.oversight import Staff
from server.rest.limits import RequestLimits
from storage import sign_ins
from storage.bus.board import ValkeyBoard
from storage.bus.valkey import ValkeyBus
from storage.clients import Client
from storage.limits import Allowed, LimitUnknown, RateLimits
from storage.members import company_of
from storage.messages import branch
from storage.presence import Presences
from storage.rooms import fence_of, find_room, raise_fence, room_ids_of
from storage.together import Together

logger = structlog.get_logger(__name__)
DRAWN_AHEAD = (256, 96, 512)  # cards, avatars, panels: in the order they are met
DISCLOSURE = "Companions here are AI. They are not people, and they will say so when you ask."


def now_ms() -> int:
    """Unix milliseconds; everything that needs the time is handed this."""
    return time.time_ns() // 1_000_000


class Wiring:
    """Builds the house, runs its background tasks, takes it down again."""

    def __init__(
        self,
        settings: Settings,
        db: asyncpg.Pool,
        bus_url: str,
        node: str,
        client: Client,
        inference: Inference,
    ) -> None:
        self.settings = settings
        self.db = db
        self.node = node
        self.inference = inference
        bus = settings.bus
        self.bus = ValkeyBus(bus_url, log_entries=bus.log_entries, log_seconds=bus.log_seconds)
        self.lag = LoopLag()
        self.legs = Legs(settings.calls.legs_host, settings.calls.blocked_seconds)
        faces = settings.faces
        self.faces = FaceLinks(faces.addresses, faces.key) if faces.addresses else None
        self.workers = Workers(ValkeyBoard(bus_url))
        self._recall = MessageRecall(db, build_embeddings(settings.models.embeddings))
        self._passwords = Passwords(
            settings.accounts.argon2_memory_kib, settings.accounts.argon2_concurrency
        )
        self._redis = client
        self._rates = RateLimits(self._redis)
        self._mailer = Mailer(settings.mail, Path(settings.data) / "outbox")

    async def build(self, router: Router, model_url: str | None, version: str) -> House:
        """Every service, wired. Raises what the stores raise when they are away."""
        settings = self.settings
        catalogue = Catalogue(self.db, settings.plans, now_ms)
        await catalogue.load_cast()
        hold_seconds = settings.rooms.hold_seconds
        credits = Credits(
            self.db, settings.plans, settings.prices, hold_seconds=hold_seconds, now_ms=now_ms
        )
        calls = CallCredits(self.db, credits, settings.rooms.hold_seconds)
        parts = self._room_parts(router, credits, catalogue, self._call_parts(calls, catalogue))
        realtime = self._realtime(parts, credits, calls, version, router.is_demo)
        accounts = await self._accounts(realtime)
        replying, told = realtime.holder.replying, realtime.account_log
        lobby = Lobby(self.db, catalogue, told, settings.plans, now_ms, replying)
        recordings = await kept_sound(self.db, settings, self.inference, lobby)
        kept_while_agreed(self.db, recordings, parts, accounts, realtime.command)
        figures = await open_figures(self.db, settings, catalogue)
        accounts.files = KeptFiles(recordings, figures)
        company = Company(self.db, lobby, realtime.account_log, realtime.command, now_ms)
        realtime.legs, realtime.admit, realtime.leave = self.legs, lobby.seat, company.leave
        accounts.depart, accounts.departed = company.depart, company.look_again
        realtime.attendance.use(Presences(self._redis), partial(company_of, self.db))
        realtime.authenticate = accounts.authenticate
        realtime.ended = accounts.revoked.add
        companions = Companions(
            card=catalogue.card,
            begin=partial(complete, parts, catalogue),
            turn_seconds=settings.rooms.turn_seconds,
            voice=self._voice(parts),
            seconds=self._spoken_seconds(parts, credits),
        )
        realtime.doors += openai_realtime.routes(realtime, companions)
        door = self._call_door(router, realtime)
        return House(
            settings=settings,
            version=version,
            db=self.db,
            accounts=accounts,
            authenticate=accounts.authenticate,
            catalogue=catalogue,
            portraits=Portraits(Path(settings.data) / "portraits"),
            sheets=Sheets(Path(settings.data) / "sheets"),
            ahead=Ahead(Path(settings.data) / "faces"),
            pictures=Pictures(self.db, PortraitMaker(), catalogue, age_check(settings.faces)),
            making=Making(self.db, catalogue, settings.plans, parts.turn.screen),
            figures=figures,
            credits=credits,
            speaking=self._speaking(parts, credits, catalogue),
            call_credits=calls,
            inference=self.inference,
            recordings=recordings,
            limits=RequestLimits(self._rates, settings.api),
            lobby=lobby,
            staff=self._staff(realtime),
            company=company,
            router=router,
            room_parts=parts,
            realtime=realtime,
            call_door=door,
            livekit=LiveKitDoor(settings.media.livekit, door),
            model_url=model_url,
        )

    def _staff(self, realtime: Realtime) -> Staff:
        """Who may watch, and who is told of it."""
        staff = Staff(self.db, self.settings.oversight, realtime.command)
        realtime.watching.admit = staff.admit_watch
        realtime.watching.still = staff.still
        realtime.watching.tell = staff.tell
        return staff

    def _call_door(self, router: Router, realtime: Realtime) -> CallDoor:
        """Browsers are asked for their camera only where somebody could see it."""
        settings = self.settings
        camera = cameras_offered(settings.calls, sees=router.sees)
        return CallDoor(settings.media, self.workers, realtime, camera=camera)

    def _room_parts(
        self, router: Router, credits: Credits, catalogue: Catalogue, calls: CallParts
    ) -> RoomParts:
        rooms = self.settings.rooms
        turn = TurnParts(
            credits=credits,
            router=router,
            screen=RuleScreen(shipped_rules()),
            node=self.node,
            gap_seconds=self.settings.sockets.delta_ms / 1000,
            turn_seconds=rooms.turn_seconds,
        )
        return RoomParts(
            db=self.db,
            turn=turn,
            settings=rooms,
            plans=self.settings.plans,
            personas=catalogue,
            recall=self._recall,
            entitled=Entitlements(self.settings.plans, self._take),
            now_ms=now_ms,
            oversight=self.settings.oversight,
            calls=calls,
        )

    def _call_parts(self, credits: CallCredits, catalogue: Catalogue) -> CallParts:
        """What calls run on: legs here and elsewhere, and whoever listens and speaks."""
        return CallParts(
            settings=self.settings.calls,
            disclosure_seconds=self.settings.rooms.disclosure_seconds,
            dial=self.legs.dial,
            voices=HouseVoices(
                self.inference.listen if self.inference.peers else None,
                self._speaks(catalogue),
                self.settings.voice,
                self._faces(catalogue),
                self.inference.there,
            ),
            credits=credits,
            caller=partial(caller_of, self.db),
            again=partial(principal_of, self.db, now_ms),
            node=self.node,
            check=picture_check(self.settings.calls),
        )

    def _speaks(self, catalogue: Catalogue) -> Speaks | None:
        """Who speaks for a companion in calls, in its own voice; without workers nobody."""
        if not self.inference.peers:
            return None

        async def speaks(companion: str, language: str) -> tuple[Speaker, VoiceChoice]:
            return self.inference.speaker, choice_of(await catalogue.find(companion), language)

        return speaks

    def _speaking(self, parts: RoomParts, credits: Credits, catalogue: Catalogue) -> Speaking:
        """Speech and words for files."""
        settings = self.settings
        hold_seconds = settings.rooms.hold_seconds
        return Speaking(
            speaker=self.inference.speaker,
            transcriber=self.inference.transcriber,
            credits=JobCredits(
                self.db, credits, self.node, hold_seconds=hold_seconds, now_ms=now_ms
            ),
            book=settings.prices,
            plans=settings.plans,
            catalogue=catalogue,
            screen=parts.turn.screen,
            settings=settings.speech,
        )

    def _voice(self, parts: RoomParts) -> VoiceParts | None:
        """What /v1/realtime hears and speaks with; None where this house has no ears or voice."""
        calls = parts.calls
        both = calls.voices.parts if calls and isinstance(calls.voices, HouseVoices) else None
        if calls is None or both is None:
            return None
        listens, speaks = both
        refusal = partial(refusal_of, calls, self.settings.plans, kind="voice")
        return VoiceParts(listens, speaks, refusal)

    def _spoken_seconds(self, parts: RoomParts, credits: Credits) -> SecondsCredits | None:
        """What /v1/realtime pays its sound with."""
        if parts.calls is None:
            return None
        may = partial(may_speak_ms, parts.calls, self.settings.plans, kind="voice")
        return SecondsCredits(self.db, credits, self.settings, self.node, now_ms, may)

    def _realtime(
        self,
        parts: RoomParts,
        credits: Credits,
        calls: CallCredits,
        version: str,
        demo_model: bool,
    ) -> Realtime:
        settings = self.settings

        async def open_room(room: str, log: RoomLog) -> LiveRoom:
            return await self._open_room(room, log, parts, credits, calls)

        async def not_yet(*_: object) -> str:
            raise NotFound("The server is starting.", retryable=True)

        origins = [settings.server.public_url] if settings.server.public_url else []
        return Realtime(
            node=self.node,
            version=version,
            settings=within_descriptors(
                for_gateways(settings.sockets, settings.server.gateways),
                resource.getrlimit(resource.RLIMIT_NOFILE)[0],
            ),
            rooms=settings.rooms,
            bus=self.bus,
            authenticate=not_yet,  # type: ignore[arg-type]  # replaced once accounts stand
            open_room=open_room,
            fence_floor=lambda room: fence_of(self.db, room),
            rooms_of=Together(partial(room_ids_of, self.db)).find,
            admit=not_yet,
            leave=not_yet,  # type: ignore[arg-type]  # likewise
            wallet_of=credits.balance,
            notices_of=_disclosure,
            own_origins=[*origins, *settings.server.allowed_origins],
            demo_model=demo_model,
            oversight=settings.oversight,
        )

    async def _open_room(
        self, room: str, log: RoomLog, parts: RoomParts, credits: Credits, calls: CallCredits
    ) -> LiveRoom:
        """A room into memory: older holders shut out first, then what they left is ended."""
        await raise_fence(self.db, room, log.fence)
        row = await find_room(self.db, room)
        if row is None:
            raise NotFound("There is no such room.", code="room_not_found")
        rows = await branch(self.db, row.home, room, row.head, limit=KEPT)
        live = ChatRoom(row, Tree(row.home, room, row.n, rows), log, parts)
        await end_what_was_left(live, log, credits, calls)
        return live

    async def _accounts(self, realtime: Realtime) -> Accounts:
        settings = self.settings.accounts
        keys = await sign_ins.signing_keys(self.db, *new_signing_key())
        return Accounts(
            settings,
            self.db,
            self._passwords,
            Tokens(keys, settings.access_seconds, now_ms),
            realtime.account_log,
            self._mailer,
            default_plan=self.settings.default_plan,
            now_ms=now_ms,
            explicit_offered=self.settings.features.explicit_content,
        )

    async def _take(self, key: str, count: int, seconds: float) -> Allowed:
        """Count against a plan; while the bus is away nobody is refused for it."""
        try:
            return await self._rates.take(key, count, seconds)
        except LimitUnknown:
            return Allowed(True, count, 0)

    def _faces(self, catalogue: Catalogue) -> Faces | None:
        """Who is seen in video calls, where anything paints."""
        if self.faces is None:
            return None

        async def look(companion: str) -> bytes:
            found: bytes = msgspec.json.encode((await catalogue.find(companion)).appearance)
            return found

        return Faces(self.faces, look, self.settings.faces, partial(worn, self.db))

    def background(self, tasks: asyncio.TaskGroup, house: House) -> list[asyncio.Task[None]]:
        """What runs beside the requests, in the app's TaskGroup."""
        ahead = self.settings.server.portraits_ahead
        looks = [one.appearance for one in house.catalogue.cast if ahead]
        return [
            tasks.create_task(house.portraits.draw_ahead(looks, DRAWN_AHEAD), name="portraits"),
            tasks.create_task(self._recall.run(), name="remembering"),
            tasks.create_task(self._mailer.run(), name="mail"),
            tasks.create_task(self.lag.run(), name="loop lag"),
            tasks.create_task(house.router.warm_up(), name="warming the model's client"),
            *([tasks.create_task(self.faces.run(), name="faces")] if self.faces else []),
        ]

    async def close(self) -> None:
        """Give back what was opened."""
        await self.legs.close()
        self._passwords.close()
        await self.workers.aclose()
        await self._redis.aclose()


def _disclosure(who: Principal) -> list[Notice]:  # noqa: ARG001 - everybody is told the same
    return [Notice(kind="disclosure", text=DISCLOSURE)]
