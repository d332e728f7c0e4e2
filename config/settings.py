"""Every setting there is, typed, from preset, TOML file and environment.

Order of precedence: defaults, the preset, kindred.toml, environment (KINDRED_A__B__C).
"""

from msgspec import Struct, field

from config.accounts import AccountSettings, Features, MailSettings
from config.models import ModelSettings
from config.plans import Business, Plan, PriceBook
from config.server import ServerSettings
from config.sockets import RoomSettings, SocketSettings
from config.stores import BusSettings, DatabaseSettings


class Settings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The whole of it.

    data: the folder everything is kept in.
    port: where the gateway listens.
    preset: which business is run: a file under config/presets.
    """

    data: str = ".kindred"
    port: int = 8000
    preset: str = "emotional"
    server: ServerSettings = ServerSettings()
    database: DatabaseSettings = DatabaseSettings()
    bus: BusSettings = BusSettings()
    models: ModelSettings = ModelSettings()
    accounts: AccountSettings = AccountSettings()
    mail: MailSettings = MailSettings()
    sockets: SocketSettings = SocketSettings()
    rooms: RoomSettings = RoomSettings()
    features: Features = Features()
    business: Business = Business()
    plans: dict[str, Plan] = field(default_factory=dict)
    prices: PriceBook = PriceBook()
