"""Which database and bus are used: ours, started as children, or the operator's by URL."""

from msgspec import Struct


class DatabaseSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """PostgreSQL.

    url: a postgresql:// address; empty starts the embedded server in the data folder.
    pool_size: connections per gateway process at most.
    statement_timeout_seconds: a statement running longer is cancelled.
    memory_mb: shared buffers of the embedded server; the system's file cache does the rest.
    """

    url: str = ""
    pool_size: int = 20
    statement_timeout_seconds: float = 15.0
    memory_mb: int = 24


class BusSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Valkey or Redis.

    url: a redis:// address; empty starts the embedded server in the data folder.
    log_entries: how many entries a room's log keeps.
    log_seconds: how long a log outlives its last entry.
    memory_mb: what the embedded server may hold; beyond it writes are refused, nothing is dropped.
    """

    url: str = ""
    log_entries: int = 4096
    log_seconds: int = 1800
    memory_mb: int = 256
