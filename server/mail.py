"""Mail that leaves the house: into an outbox folder by default, by SMTP where one is set.

Sending happens in one owned task behind a bounded queue; a mail is tried again before it is
given up, and its address never reaches the log.
"""

import asyncio
import secrets
import time
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

import structlog

from config.accounts import MailSettings

logger = structlog.get_logger(__name__)
WAITING_MAX: Final = 1_000
TRIES: Final = 4


class Mailer:
    """Run `run()` in a TaskGroup; `post` never waits."""

    def __init__(self, settings: MailSettings, outbox: Path) -> None:
        self._settings = settings
        self._outbox = outbox
        self._queue: asyncio.Queue[EmailMessage] = asyncio.Queue(WAITING_MAX)

    def post(self, to: str, subject: str, text: str) -> bool:
        """Queue a mail; False when too many wait already."""
        mail = EmailMessage()
        mail["From"] = self._settings.sender
        mail["To"] = to
        mail["Subject"] = subject
        mail["Date"] = formatdate()
        mail["Message-ID"] = make_msgid(domain="kindred.localhost")
        mail.set_content(text)
        try:
            self._queue.put_nowait(mail)
        except asyncio.QueueFull:
            logger.error("too many mails wait; one was dropped")
            return False
        return True

    async def run(self) -> None:
        """Send what is posted, until cancelled."""
        while True:
            await self._send(await self._queue.get())

    async def _send(self, mail: EmailMessage) -> None:
        for tried in range(TRIES):
            try:
                if self._settings.smtp_url:
                    await self._by_smtp(mail)
                else:
                    await asyncio.to_thread(self._into_outbox, mail)
            except OSError as error:
                logger.warning("a mail did not leave", error=type(error).__name__, tried=tried + 1)
                await asyncio.sleep(2.0**tried)
            else:
                return
        logger.error("a mail was given up")

    def _into_outbox(self, mail: EmailMessage) -> None:
        self._outbox.mkdir(mode=0o700, parents=True, exist_ok=True)
        name = f"{time.time_ns()}-{secrets.token_hex(4)}.eml"
        draft = self._outbox / f".{name}"
        draft.write_bytes(bytes(mail))
        draft.rename(self._outbox / name)

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
