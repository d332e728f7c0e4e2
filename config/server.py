"""Where Kindred listens and what it trusts in front of it."""

from msgspec import Struct, field


class ServerSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The listening side.

    host: address to bind. The default is reachable from this machine only.
    public_url: what people type; used in mails and origin checks. Empty: taken from the request.
    gateways: how many gateway processes share the port.
    tls_cert: path of a PEM certificate chain; with tls_key the server speaks https.
    tls_key: path of the PEM private key.
    trusted_proxies: addresses or networks whose X-Forwarded-For and -Proto are believed.
    allowed_origins: further browser origins that may open sockets; its own is always allowed.
    portraits_ahead: draw the cast's portraits after the start, before anybody asks for them.
    drain_seconds: how long a stopping gateway lets replies finish.
    """

    host: str = "127.0.0.1"
    public_url: str = ""
    gateways: int = 1
    tls_cert: str = ""
    tls_key: str = ""
    trusted_proxies: list[str] = field(default_factory=list)
    allowed_origins: list[str] = field(default_factory=list)
    portraits_ahead: bool = True
    drain_seconds: float = 10.0
