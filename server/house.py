"""The services of one process, by name: what routes reach as `call.house`."""

from dataclasses import dataclass

import asyncpg

from config.settings import Settings
from media.avatar.ahead import Ahead
from media.avatar.portraits import Portraits
from media.avatar.sheets import Sheets
from media.inference.client import Inference
from realtime.service import Realtime
from rooms.companions.catalogue import Catalogue
from rooms.companions.figures import Figures
from rooms.companions.making import Making
from rooms.companions.pictures import Pictures
from rooms.company import Company
from rooms.credits.calls import CallCredits
from rooms.credits.wallet import Credits
from rooms.dialogue.router import Router
from rooms.lobby import Lobby
from rooms.ports import Authenticate
from rooms.recordings import Recordings
from rooms.room import RoomParts
from rooms.speaking import Speaking
from server.accounts.service import Accounts
from server.calls import CallDoor
from server.livekit import LiveKitDoor
from server.oversight import Staff
from server.rest.limits import RequestLimits


@dataclass(slots=True)
class House:
    """Made by server/wiring.py in the app's lifespan."""

    settings: Settings
    version: str
    db: asyncpg.Pool
    accounts: Accounts
    authenticate: Authenticate
    catalogue: Catalogue
    portraits: Portraits
    sheets: Sheets
    ahead: Ahead
    pictures: Pictures
    making: Making
    figures: Figures
    credits: Credits
    speaking: Speaking
    call_credits: CallCredits
    recordings: Recordings
    limits: RequestLimits
    lobby: Lobby
    company: Company
    staff: Staff
    router: Router
    room_parts: RoomParts
    realtime: Realtime
    inference: Inference
    call_door: CallDoor
    livekit: LiveKitDoor
    model_url: str | None
    draining: bool = False
