"""Every setting there is, typed; config/load.py fills them from preset, file and environment.

Each engineer's part is a Struct of its own in a file named for what it holds. The first
docstring lines of a field (`name: meaning.`) are what docs/reference/settings.md shows.
"""

from msgspec import Struct, field

from config.accounts import AccountSettings, Features, MailSettings
from config.api import ApiSettings
from config.calls import CallSettings
from config.faces import FaceSettings
from config.figures import FigureSettings
from config.hearing import HearingSettings
from config.inference import InferenceSettings
from config.media import MediaSettings
from config.models import ModelSettings
from config.observability import MetricsSettings, TracingSettings
from config.oversight import OversightSettings
from config.plans import Business, Plan, PriceBook
from config.recordings import RecordingSettings
from config.server import ServerSettings
from config.sockets import RoomSettings, SocketSettings
from config.speech import SpeechSettings
from config.stores import BusSettings, DatabaseSettings
from config.voice import VoiceSettings


class Settings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The whole of it.

    data: the folder everything is kept in.
    port: where the gateway listens; 0 takes a free port.
    preset: which business is run: a name from config/presets, or the path of a TOML file.
    default_plan: the plan of people who have just signed up.
    server: the listening side.
    database: PostgreSQL.
    bus: Valkey or Redis.
    models: which language models answer.
    hearing: what turns speech into words.
    inference: where models of speech run.
    faces: where the moving face is painted.
    figures: 3D figures that people and operators bring.
    speech: what turns words into speech.
    media: where the media of calls flows.
    accounts: who may sign up, and how long sign-ins last.
    mail: how mail leaves the house.
    sockets: limits of the real-time side.
    rooms: limits of rooms and turns.
    calls: voice and video calls.
    voice: how a spoken conversation behaves.
    recordings: voice notes, and other sound that is kept.
    oversight: what administrators may see and do in a room.
    api: how often the REST API may be called.
    metrics: what Prometheus may read, and where.
    tracing: where traces of turns go.
    features: switches of a preset.
    business: currency and packages.
    plans: what people get, by a name that never changes.
    prices: what things cost.
    """

    data: str = ".kindred"
    port: int = 8000
    preset: str = "emotional"
    default_plan: str = "free"
    server: ServerSettings = ServerSettings()
    database: DatabaseSettings = DatabaseSettings()
    bus: BusSettings = BusSettings()
    models: ModelSettings = ModelSettings()
    hearing: HearingSettings = HearingSettings()
    inference: InferenceSettings = InferenceSettings()
    faces: FaceSettings = FaceSettings()
    figures: FigureSettings = FigureSettings()
    speech: SpeechSettings = SpeechSettings()
    media: MediaSettings = MediaSettings()
    accounts: AccountSettings = AccountSettings()
    mail: MailSettings = MailSettings()
    sockets: SocketSettings = SocketSettings()
    rooms: RoomSettings = RoomSettings()
    calls: CallSettings = CallSettings()
    voice: VoiceSettings = VoiceSettings()
    recordings: RecordingSettings = RecordingSettings()
    oversight: OversightSettings = OversightSettings()
    api: ApiSettings = ApiSettings()
    metrics: MetricsSettings = MetricsSettings()
    tracing: TracingSettings = TracingSettings()
    features: Features = Features()
    business: Business = Business()
    plans: dict[str, Plan] = field(default_factory=dict)
    prices: PriceBook = PriceBook()

    def __repr__(self) -> str:
        """Short on purpose: a traceback must not print keys and passwords."""
        return f"Settings(preset={self.preset!r}, data={self.data!r}, port={self.port})"
