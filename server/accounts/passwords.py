"""Argon2id in threads behind a semaphore, so that a burst of sign-ins cannot stall the loop.

Parameters: RFC 9106, second recommended option scaled by the settings. A bcrypt hash that came
with an imported account is checked too, and made anew as argon2id at the first sign-in.
"""

import asyncio
from concurrent.futures import ThreadPoolExecutor

import argon2
import bcrypt

_BCRYPT = ("$2a$", "$2b$", "$2y$")
_BCRYPT_BYTES_MAX = 72  # it never looked at more


class Passwords:
    """Hashes and checks passwords, a bounded number at once."""

    def __init__(self, memory_kib: int, concurrency: int) -> None:
        self._hasher = argon2.PasswordHasher(time_cost=2, memory_cost=memory_kib, parallelism=1)
        self._turns = asyncio.Semaphore(concurrency)
        self._threads = ThreadPoolExecutor(concurrency, thread_name_prefix="argon2")
        self._nobody = self._hasher.hash("nobody's password")

    async def hash(self, password: str) -> str:
        """The hash to keep."""
        async with self._turns:
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self._threads, self._hasher.hash, password)

    async def matches(self, password: str, kept: str | None) -> bool:
        """Whether `password` is the one kept. None (no such account) takes just as long."""
        async with self._turns:
            loop = asyncio.get_running_loop()
            verify = self._verify
            right = await loop.run_in_executor(
                self._threads, verify, kept or self._nobody, password
            )
        return right and kept is not None

    def _verify(self, kept: str, password: str) -> bool:
        if kept.startswith(_BCRYPT):
            return _bcrypt_matches(kept, password)
        try:
            return self._hasher.verify(kept, password)
        except argon2.exceptions.VerificationError:
            return False
        except argon2.exceptions.InvalidHashError:
            return False

    def outdated(self, kept: str) -> bool:
        """Whether a hash was made with other parameters and should be made anew."""
        return kept.startswith(_BCRYPT) or self._hasher.check_needs_rehash(kept)

    def close(self) -> None:
        """Let the threads go."""
        self._threads.shutdown(wait=False, cancel_futures=True)


def _bcrypt_matches(kept: str, password: str) -> bool:
    try:
        return bcrypt.checkpw(password.encode()[:_BCRYPT_BYTES_MAX], kept.encode())
    except ValueError:
        return False
