"""The ring of signing keys, as this process knows it: read at the start, and again when a token
names a key we have not seen, because another node may have made one since."""

from collections.abc import Callable

import asyncpg

from server.accounts.tokens import Claims, Tokens, UnknownKey
from storage.sign_ins import standing_signing_keys

AGAIN_MS = 10_000


class KeyRing:
    """Checks tokens; asks the database for keys it does not know, at most every ten seconds."""

    def __init__(self, db: asyncpg.Pool, tokens: Tokens, now_ms: Callable[[], int]) -> None:
        self._db = db
        self._tokens = tokens
        self._now_ms = now_ms
        self._asked_at = 0

    async def claims(self, token: str) -> Claims:
        """What a token says. Raises Unauthorized for anything but a fresh token of ours."""
        try:
            return self._tokens.claims(token)
        except UnknownKey:
            if self._now_ms() - self._asked_at < AGAIN_MS:
                raise
            self._asked_at = self._now_ms()
            self._tokens.take(await standing_signing_keys(self._db))
            return self._tokens.claims(token)
