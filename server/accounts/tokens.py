"""Access tokens: short-lived JWTs signed with Ed25519 (RFC 8037), checked without a database.

The keys are in the database, so that every node and every restart agrees on them.
"""

import hashlib
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable
from hmac import compare_digest
from typing import Annotated, Final

import jwt
import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from jwt.types import Options
from msgspec import Meta, Struct

from rooms.errors import Unauthorized

_Id = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_]{1,64}$")]
PROVED_MAX: Final = 8_192
# The time is checked below, by the clock we were given.
_OPTIONS: Final[Options] = {"verify_exp": False, "verify_iat": False}


class UnknownKey(Unauthorized):
    """Signed with a key we do not know: forged, or made by a node that has a newer one."""


class Claims(Struct, frozen=True, kw_only=True):
    """What a valid access token says."""

    person: str
    sign_in: str
    expires_at_ms: int


class _Said(Struct, frozen=True):
    """The claims as they lie in the token; ids of ours are plain words."""

    sub: _Id
    sid: _Id
    exp: int


_decode: Final = msgspec.json.Decoder(_Said).decode


class Tokens:
    """Signs and checks access tokens; `keys` are (kid, PEM), the newest first."""

    def __init__(
        self, keys: list[tuple[str, bytes]], seconds: int, now_ms: Callable[[], int]
    ) -> None:
        self._public: dict[str, Ed25519PublicKey] = {}
        self._proved: dict[str, _Said] = {}  # tokens whose signature was checked, oldest first
        self.take(keys)
        self.seconds = seconds
        self._now_ms = now_ms

    def take(self, keys: list[tuple[str, bytes]]) -> None:
        """From now on sign with the first of these, and check with all of them."""
        private = {kid: _ed25519(pem) for kid, pem in keys}
        self._kid = keys[0][0]
        self._signing = private[self._kid]
        self._public = {kid: key.public_key() for kid, key in private.items()}
        # The first part of a token of ours is always the same: it names the key unread.
        self._by_head = {_head(kid, key): key for kid, key in private.items()}
        self._proved.clear()

    def access(self, person: str, sign_in: str) -> str:
        """A token for this sign-in, good for `seconds`."""
        now = self._now_ms() // 1000
        claims = {"sub": person, "sid": sign_in, "iat": now, "exp": now + self.seconds}
        return jwt.encode(claims, self._signing, "EdDSA", headers=_headers(self._kid))

    def claims(self, token: str) -> Claims:
        """What a token says. Raises Unauthorized for anything but a fresh token of ours.

        A signature is checked once, for a token comes with every request. If it has run out, is
        looked at each time; if its sign-in was ended, by whoever asks.
        """
        said = self._proved.get(token) or self._prove(token)
        if said.exp * 1000 <= self._now_ms():
            raise Unauthorized(
                "This token has expired; refresh it.", code="token_expired", retryable=True
            )
        return Claims(person=said.sub, sign_in=said.sid, expires_at_ms=said.exp * 1000)

    def _prove(self, token: str) -> _Said:
        try:
            ours = self._by_head.get(token.partition(".")[0])
            said = _said_by(ours, token) if ours is not None else self._verified(token)
        except (jwt.InvalidTokenError, ValueError) as error:
            raise Unauthorized("This token is not valid.", code="token_invalid") from error
        if len(self._proved) >= PROVED_MAX:
            del self._proved[next(iter(self._proved))]
        self._proved[token] = said
        return said

    def _verified(self, token: str) -> _Said:
        """The long way: it begins otherwise than tokens of ours do."""
        public = self._public.get(jwt.get_unverified_header(token).get("kid", ""))
        if public is None:
            raise UnknownKey("This token is not ours.", code="token_invalid")
        return msgspec.convert(jwt.decode(token, public, ["EdDSA"], options=_OPTIONS), _Said)


def _said_by(key: Ed25519PrivateKey, token: str) -> _Said:
    """What a token says that this key signed. Raises ValueError where it did not.

    An Ed25519 signature of a text is always the same (RFC 8032), and whoever has the key makes it
    in a third of the time that checking it takes.
    """
    message, _, signature = token.rpartition(".")
    made = urlsafe_b64encode(key.sign(message.encode("ascii"))).rstrip(b"=")
    if not compare_digest(made, signature.encode("ascii")):
        raise ValueError("signed by somebody else")
    payload = message.partition(".")[2]
    return _decode(urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))


def _headers(kid: str) -> dict[str, str]:
    return {"kid": kid, "typ": "at+jwt"}


def _head(kid: str, key: Ed25519PrivateKey) -> str:
    return jwt.encode({}, key, "EdDSA", headers=_headers(kid)).partition(".")[0]


def _ed25519(pem: bytes) -> Ed25519PrivateKey:
    key = load_pem_private_key(pem, None)
    assert isinstance(key, Ed25519PrivateKey)
    return key


def new_signing_key() -> tuple[str, bytes]:
    """A fresh key and its id."""
    pem = Ed25519PrivateKey.generate().private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
    )
    return hashlib.sha256(pem).hexdigest()[:12], pem


def new_secret(prefix: str) -> tuple[str, bytes]:
    """An opaque secret for a client, and the hash we keep."""
    secret = f"{prefix}_{secrets.token_urlsafe(32)}"
    return secret, hash_of(secret)


def hash_of(secret: str) -> bytes:
    """What is stored of a secret with 256 bits of chance; it needs no salt."""
    return hashlib.sha256(secret.encode()).digest()
