"""Mail that leaves the house: into an outbox folder by default, by SMTP where one is set.

Sending happens in one owned task behind a bounded queue; a mail is tried again before it is
given up, and its address never reaches the log. What cannot be sent stays as a file in the
outbox's `unsent` folder, so that nothing is lost with the process.
"""

import asyncio
import secrets
import time
from collections.abc import Awaitable, Callable
from email.message import EmailMessage
from email.policy import SMTPUTF8
from email.utils import formatdate, make_msgid
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

import asyncpg
import structlog
from msgspec import Struct

from config.accounts import MailSettings
from storage.database import DATABASE_AWAY

logger = structlog.get_logger(__name__)
WAITING_MAX: Final = 1_000
TRIES: Final = 4
AWAY = (*DATABASE_AWAY, asyncpg.PostgresError)


class Mail(Struct, frozen=True):
    """One letter."""

    to: str
    subject: str
    text: str


Compose = Callable[[], Awaitable[Mail | None]]


class Mailer:
    """Run `run()` in a TaskGroup; `post` and `compose` never wait."""

    def __init__(self, settings: MailSettings, outbox: Path, *, pause_seconds: float = 1.0) -> None:
        self._settings = settings
        self._outbox = outbox
        self._pause_seconds = pause_seconds
        self._queue: asyncio.Queue[Mail | Compose] = asyncio.Queue(WAITING_MAX)

    def post(self, mail: Mail) -> bool:
        """Queue a mail; False when too many wait already."""
        return self._put(mail)

    def compose(self, work: Compose) -> bool:
        """Queue the making of a mail: looked up and written later, so that nobody can time it."""
        return self._put(work)

    def _put(self, item: Mail | Compose) -> bool:
        try:
            self._queue.put_nowait(item)
        except asyncio.QueueFull:
            logger.error("too many mails wait; one was dropped")
            return False
        return True

    async def run(self) -> None:
        """Send what is posted, until cancelled; what then waits is kept as files."""
        try:
            while True:
                item = await self._queue.get()
                try:
                    await self._handle(item)
                finally:
                    self._queue.task_done()
        finally:
            self._keep_waiting()

    async def settled(self) -> None:
        """Returns once nothing waits any more."""
        await self._queue.join()

    async def _handle(self, item: Mail | Compose) -> None:
        """One letter, from the thought to the door; whatever goes wrong, the next one is sent."""
        try:
            mail = item if isinstance(item, Mail) else await item()
            if mail is not None:
                await self._send(mail)
        except AWAY as error:
            logger.warning("a mail could not be written", error=type(error).__name__)
        except Exception:
            logger.exception("a mail could not be sent")

    async def _send(self, mail: Mail) -> None:
        message = self._message(mail)
        try:
            for tried in range(TRIES):
                if await self._sent(message, tried):
                    return
                await asyncio.sleep(self._pause_seconds * 2.0**tried)
        except asyncio.CancelledError:
            self._keep(message)
            raise
        logger.error("a mail was given up; it is kept in the outbox")
        self._keep(message)

    async def _sent(self, message: EmailMessage, tried: int) -> bool:
        try:
            if self._settings.smtp_url:
                await self._by_smtp(message)
            else:
                await asyncio.to_thread(_write, self._outbox, message)
        except OSError as error:
            logger.warning("a mail did not leave", error=type(error).__name__, tried=tried + 1)
            return False
        return True

    def _message(self, mail: Mail) -> EmailMessage:
        message = EmailMessage(policy=SMTPUTF8)
        message["From"] = self._settings.sender
        message["To"] = mail.to
        message["Subject"] = mail.subject
        message["Date"] = formatdate()
        message["Message-ID"] = make_msgid(domain="kindred.localhost")
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(mail.text)
        return message

    def _keep_waiting(self) -> None:
        while not self._queue.empty():
            item = self._queue.get_nowait()
            if isinstance(item, Mail):
                self._keep(self._message(item))

    def _keep(self, message: EmailMessage) -> None:
        folder = self._outbox / "unsent" if self._settings.smtp_url else self._outbox
        try:
            _write(folder, message)
        except OSError as error:
            logger.error("a mail was lost", error=type(error).__name__)

    async def _by_smtp(self, mail: EmailMessage) -> None:
        import aiosmtplib  # slow to import, and most installations write to the outbox

        url = urlsplit(self._settings.smtp_url)
        secure = url.scheme == "smtps"
        try:
            await aiosmtplib.send(
                mail,
                hostname=url.hostname or "localhost",
                port=url.port or (465 if secure else 587),
                username=unquote(url.username) if url.username else None,
                password=unquote(url.password) if url.password else None,
                use_tls=secure,
                timeout=20,
            )
        except aiosmtplib.SMTPException as error:
            raise OSError("the mail server refused") from error


def _write(folder: Path, message: EmailMessage) -> None:
    """A whole file or none, readable by nobody else."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    name = f"{time.time_ns()}-{secrets.token_hex(4)}.eml"
    draft = folder / f".{name}"
    draft.write_bytes(bytes(message))
    draft.rename(folder / name)
