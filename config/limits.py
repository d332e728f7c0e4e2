"""The bounds of every number, and the settings that must agree with each other.

Units stand last in names, so most bounds follow from the name; the exceptions are listed.
A number without a sensible bound is how a typing error becomes an outage.
"""

import math
from collections.abc import Callable, Iterator

from config.keys import ANY
from config.problems import Key
from config.settings import Settings

Bound = tuple[float, float]
Complaint = tuple[Key, str]

NO_BOUND: Bound = (0, 10**15)
_DAY = 86_400
_BY_UNIT: dict[str, Bound] = {
    "_percent": (0, 100),
    "_seconds": (0, 10 * 366 * _DAY),
    "_ms": (0, _DAY * 1000),
    "_bytes": (1, 2**40),
    "_kib": (1, 2**30),
    "_mb": (1, 2**24),
    "_tokens": (1, 10_000_000),
    "_characters": (1, 10_000_000),
    "_cents": (0, 10**9),
    "_microcredits": (0, 10**15),
    "_microcredits_per_1k": (0, 10**15),
}
_BY_KEY: dict[str, Bound] = {
    "port": (0, 65_535),
    "server.gateways": (1, 256),
    "accounts.minimum_age_years": (13, 120),
    "accounts.access_seconds": (30, _DAY),
    "accounts.refresh_seconds": (60, 3660 * _DAY),
    "accounts.reset_seconds": (60, 7 * _DAY),
    "accounts.sign_in_attempts": (1, 10_000),
    "accounts.sign_in_window_seconds": (1, 30 * _DAY),
    "accounts.sign_ins_most": (1, 10_000),
    "accounts.api_keys_most": (0, 10_000),
    "accounts.argon2_memory_kib": (8_192, 4_194_304),
    "accounts.argon2_concurrency": (1, 256),
    "api.requests": (1, 10**9),
    "api.window_seconds": (1, 31 * _DAY),
    "api.*.requests": (1, 10**9),
    "api.*.window_seconds": (1, 31 * _DAY),
    "calls.camera_pictures": (1, 4),
    "calls.camera_pixels": (64, 1_568),
    "calls.camera_bytes": (4_096, 400_000),
    "calls.camera_check_seconds": (0.1, 30),
    "database.pool_size": (1, 1_000),
    "database.statement_timeout_seconds": (0.1, _DAY),
    "bus.log_entries": (256, 1_000_000),
    "bus.log_seconds": (60, 30 * _DAY),
    "models.first_token_seconds": (0.1, 3_600),
    "models.stall_seconds": (0.1, 3_600),
    "models.circuit_failures": (1, 10_000),
    "models.retries": (0, 20),
    "models.providers.*.temperature": (0, 2),
    "recordings.call_seconds": (10, 4 * 3_600),
    "recordings.call_part_seconds": (0.2, 60),
    "recordings.call_bits_per_second": (12_000, 256_000),
    "recordings.call_days": (0, 3_660),
    "hearing.answer_seconds": (0.1, 120),
    "hearing.final_seconds": (0.1, 30),
    "hearing.most_waiting": (1, 1_000),
    "hearing.open_db": (-100, -20),
    "inference.workers": (0, 64),
    "inference.parallel": (0, 64),
    "inference.most_ears": (1, 10_000),
    "speech.first_piece_seconds": (0.1, 600),
    "speech.stall_seconds": (0.1, 600),
    "speech.failures": (1, 10_000),
    "speech.characters_max": (1, 100_000),
    "speech.upload_bytes_max": (1_024, 2**30),
    "speech.upload_seconds_max": (1, 14_400),
    "speech.requests_at_once": (1, 256),
    "sockets.frame_bytes": (1_024, 64 * 2**20),
    "sockets.commands_per_second": (0.1, 100_000),
    "sockets.commands_burst": (1, 1_000_000),
    "sockets.sockets_per_person": (1, 100_000),
    "sockets.sockets_per_address": (1, 1_000_000),
    "sockets.sockets_max": (1, 1_000_000),
    "sockets.unsigned_max": (1, 1_000_000),
    "sockets.unsigned_per_address": (1, 1_000_000),
    "sockets.resumes_per_second": (0.01, 1_000),
    "sockets.resumes_burst": (1, 10_000),
    "sockets.auth_seconds": (0.1, 3_600),
    "sockets.heartbeat_ms": (1_000, 3_600_000),
    "sockets.resume_window_ms": (1_000, 3_600_000),
    "sockets.openai_items": (1, 100_000),
    "sockets.openai_bytes": (1_024, 64 * 2**20),
    "sockets.openai_seconds": (1, _DAY),
    "rooms.turn_seconds": (1, 3_600),
    "rooms.live_rooms": (1, 10_000_000),
    "rooms.hold_seconds": (30, 3_600),
    "rooms.disclosure_seconds": (60, 10_800),  # the law asks for every three hours at least
    "figures.file_bytes": (1_024, 2**28),
    "figures.kept_count": (1, 10_000),
    "plans.*.trial_days": (0, 366),
}
_SCHEMES = {
    "database.url": ("postgresql", "postgres"),
    "bus.url": ("redis", "rediss", "valkey", "valkeys", "unix", "redis+unix", "valkey+unix"),
    "mail.smtp_url": ("smtp", "smtps"),
    "server.public_url": ("http", "https"),
    "models.providers.*.base_url": ("http", "https"),
}


def bound_of(key: Key) -> Bound:
    """The least and the greatest number a setting may hold."""
    for pattern in _patterns(key):
        if pattern in _BY_KEY:
            return _BY_KEY[pattern]
    for unit, bound in _BY_UNIT.items():
        if key[-1].endswith(unit):
            return bound
    return NO_BOUND


def out_of_bounds(key: Key, value: object) -> str | None:
    """What is wrong with one value, or None."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        least, most = bound_of(key)
        if not (math.isfinite(value) and least <= value <= most):
            return f"must be from {_plain(least)} to {_plain(most)}, not {_plain(value)}"
    if isinstance(value, str) and value:
        return _wrong_scheme(key, value)
    return None


def disagreements(settings: Settings) -> Iterator[Complaint]:
    """Settings that are fine alone and wrong together."""
    for check in _CHECKS:
        yield from check(settings)


def _patterns(key: Key) -> tuple[str, ...]:
    """The key itself, and with the name of an entry (the last but one segment) left open."""
    dotted = ".".join(key)
    return (dotted, ".".join((*key[:-2], ANY, key[-1]))) if len(key) > 2 else (dotted,)


def _wrong_scheme(key: Key, value: str) -> str | None:
    for pattern in _patterns(key):
        if pattern in _SCHEMES:
            allowed = _SCHEMES[pattern]
            if value.partition("://")[0].lower() not in allowed or "://" not in value:
                begins = " or ".join(f"{scheme}://" for scheme in allowed[:2])
                return f"must be an address that begins with {begins}"
    return None


def _plain(number: float) -> str:
    return str(int(number)) if math.isfinite(number) and number == int(number) else str(number)


def _tls(settings: Settings) -> Iterator[Complaint]:
    server = settings.server
    if bool(server.tls_cert) != bool(server.tls_key):
        missing = "tls_key" if server.tls_cert else "tls_cert"
        yield ("server", missing), "is missing: a certificate and its key are set together"


def _models(settings: Settings) -> Iterator[Complaint]:
    if not settings.models.use:
        yield ("models", "use"), "is empty: name at least one provider"
    for name in settings.models.use:
        provider = settings.models.providers.get(name)
        if provider is None and name != "embedded":
            known = ", ".join(sorted({*settings.models.providers, "embedded"}))
            yield ("models", "use"), f'names "{name}", which is no provider; known: {known}'
        elif provider is not None and provider.kind != "embedded" and not provider.model:
            yield ("models", "providers", name, "model"), "is missing: the model's name there"


def _hearing(settings: Settings) -> Iterator[Complaint]:
    if not settings.hearing.use:
        yield ("hearing", "use"), "is empty: name at least one recogniser"
    for name in settings.hearing.use:
        if name != "embedded" and name not in settings.hearing.providers:
            known = ", ".join(sorted({*settings.hearing.providers, "embedded"}))
            yield ("hearing", "use"), f'names "{name}", which is no recogniser; known: {known}'


def _plans(settings: Settings) -> Iterator[Complaint]:
    if settings.plans and settings.default_plan not in settings.plans:
        known = ", ".join(settings.plans)
        yield ("default_plan",), f'"{settings.default_plan}" is no plan; known: {known}'
    for name, plan in settings.plans.items():
        if not plan.title:
            known = ", ".join(settings.plans)
            yield ("plans", name, "title"), f'is missing: plan "{name}" needs one; plans: {known}'
        if plan.price_cents == 0 and plan.price_year_cents:
            yield ("plans", name, "price_year_cents"), "is set for a plan without a monthly price"


def _sign_in(settings: Settings) -> Iterator[Complaint]:
    accounts = settings.accounts
    if accounts.refresh_seconds <= accounts.access_seconds:
        yield ("accounts", "refresh_seconds"), "must be longer than accounts.access_seconds"


def _sockets(settings: Settings) -> Iterator[Complaint]:
    if settings.sockets.outbox_bytes < settings.sockets.transport_bytes:
        yield ("sockets", "outbox_bytes"), "must not be less than sockets.transport_bytes"


_CHECKS: tuple[Callable[[Settings], Iterator[Complaint]], ...] = (
    _tls,
    _models,
    _hearing,
    _plans,
    _sign_in,
    _sockets,
)
