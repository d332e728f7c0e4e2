"""Large things at rest: sealed files in the data folder, found by their content, erased for good.

Each file is AES-256-GCM in pieces of 64 KiB, so that a part of it is read without the rest; a piece
that was changed, moved, cut off or taken from another file does not open. An address is a keyed
digest of owner and content: it says nothing to who has only the folder.
"""

import hashlib
import hmac
import os
import secrets
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Final, Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

PIECE_BYTES: Final = 65_536
_MAGIC: Final = b"KB1\n"
_SALT_BYTES: Final = 8
_TAG_BYTES: Final = 16
_HEAD: Final = struct.Struct("!4s8sQ")
_ADDRESS_LENGTH: Final = 64
KEY_BYTES: Final = 32


class BlobMissing(Exception):
    """There is no such file."""


class BlobDamaged(Exception):
    """The file was changed since it was sealed, or with another key."""


class Blobs(Protocol):
    """Keeps bytes. All of it blocks: call it in a thread."""

    def put(self, owner: str, data: bytes) -> str:
        """Keep; the address. The same bytes of the same owner are kept once."""
        ...

    def size(self, address: str) -> int:
        """How many bytes. Raises BlobMissing."""
        ...

    def read(self, address: str, start: int = 0, end: int | None = None) -> bytes:
        """Bytes [start, end). Raises BlobMissing and BlobDamaged."""
        ...

    def erase(self, address: str) -> bool:
        """Take it away; False where there was none."""
        ...

    def addresses(self, older_than: float) -> Iterator[str]:
        """Those last written before this instant (unix seconds)."""
        ...


class FileBlobs:
    """`Blobs` in a folder."""

    def __init__(self, folder: Path, key: bytes) -> None:
        assert len(key) == KEY_BYTES, "AES-256"
        self._folder = folder
        self._sealing = AESGCM(hmac.digest(key, b"sealing", "sha256"))
        self._naming = hmac.digest(key, b"naming", "sha256")

    def put(self, owner: str, data: bytes) -> str:
        """See `Blobs`."""
        named = hmac.new(self._naming, digestmod=hashlib.sha256)
        named.update(owner.encode() + b"\0")
        named.update(data)
        address = named.hexdigest()
        path = self._path(address)
        if path.exists():
            os.utime(path)  # it is wanted again: the sweep of what nobody names leaves it
            return address
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        part = path.with_name(f"{path.name}.{secrets.token_hex(4)}.part")
        try:
            with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                file.writelines(self._sealed(address, data))
                file.flush()
                os.fsync(file.fileno())
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)
        return address

    def size(self, address: str) -> int:
        """See `Blobs`."""
        try:
            with self._path(address).open("rb") as file:
                return _head(file.read(_HEAD.size))[1]
        except FileNotFoundError as error:
            raise BlobMissing(address) from error

    def read(self, address: str, start: int = 0, end: int | None = None) -> bytes:
        """See `Blobs`."""
        try:
            with self._path(address).open("rb") as file:
                salt, length = _head(file.read(_HEAD.size))
                stop = length if end is None else min(end, length)
                if start >= stop:
                    return b""
                first, last = start // PIECE_BYTES, (stop - 1) // PIECE_BYTES
                file.seek(_HEAD.size + first * (PIECE_BYTES + _TAG_BYTES))
                opened = bytearray()
                for number in range(first, last + 1):
                    sealed = file.read(min(PIECE_BYTES, length - number * PIECE_BYTES) + _TAG_BYTES)
                    about = _about(address, length)
                    opened += self._sealing.decrypt(_nonce(salt, number), sealed, about)
        except FileNotFoundError as error:
            raise BlobMissing(address) from error
        except InvalidTag as error:
            raise BlobDamaged(address) from error
        return bytes(opened[start - first * PIECE_BYTES : stop - first * PIECE_BYTES])

    def erase(self, address: str) -> bool:
        """See `Blobs`."""
        try:
            self._path(address).unlink()
        except FileNotFoundError:
            return False
        return True

    def addresses(self, older_than: float) -> Iterator[str]:
        """See `Blobs`."""
        for path in self._folder.glob("??/*"):
            named = path.name.partition(".")[0]
            if len(named) == _ADDRESS_LENGTH and path.stat().st_mtime < older_than:
                if path.suffix == ".part":
                    path.unlink(missing_ok=True)  # who wrote it died
                else:
                    yield named

    def _sealed(self, address: str, data: bytes) -> Iterator[bytes]:
        salt, about = secrets.token_bytes(_SALT_BYTES), _about(address, len(data))
        yield _HEAD.pack(_MAGIC, salt, len(data))
        for number, at in enumerate(range(0, len(data), PIECE_BYTES)):
            piece = data[at : at + PIECE_BYTES]
            yield self._sealing.encrypt(_nonce(salt, number), piece, about)

    def _path(self, address: str) -> Path:
        if len(address) != _ADDRESS_LENGTH or not set(address) <= set("0123456789abcdef"):
            raise BlobMissing(address)
        return self._folder / address[:2] / address


def _head(data: bytes) -> tuple[bytes, int]:
    if len(data) != _HEAD.size:
        raise BlobDamaged("cut off")
    magic, salt, length = _HEAD.unpack(data)
    if magic != _MAGIC:
        raise BlobDamaged("not sealed by us")
    return salt, length


def _nonce(salt: bytes, number: int) -> bytes:
    return salt + number.to_bytes(4, "big")


def _about(address: str, length: int) -> bytes:
    """What every piece is bound to besides its number: whose it is, and how long the whole is."""
    return f"{address}:{length}".encode()
