"""Letters: whole files in the outbox, or a real conversation with a mail server; none is lost."""

import asyncio
from email import message_from_bytes, policy
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from config.accounts import MailSettings
from server.accounts.forms import EMAIL
from server.mail import WAITING_MAX, Mail, Mailer

LETTER = Mail("józef@example.org", "Zażółć", "Straße, 東京, and a line.\n.\nFrom here on.")


def letters(folder: Path) -> list:
    return [
        message_from_bytes(path.read_bytes(), policy=policy.default)
        for path in sorted(folder.glob("*.eml"))
    ]


async def sent(mailer: Mailer) -> None:
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(mailer.run())
        await mailer.settled()
        running.cancel()


class MailServer:
    """Speaks enough SMTP (RFC 5321) to take mail, after refusing `refuse` of them for now."""

    def __init__(self, refuse: int = 0) -> None:
        self.refuse = refuse
        self.taken: list[bytes] = []
        self.recipients: list[str] = []

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 test\r\n")
        while line := await reader.readline():
            word = line.strip().upper()
            if word.startswith(b"EHLO"):
                writer.write(b"250-test\r\n250-8BITMIME\r\n250 SMTPUTF8\r\n")
            elif word.startswith(b"RCPT") and self.refuse:
                self.refuse -= 1
                writer.write(b"451 try again\r\n")
            elif word.startswith(b"RCPT"):
                self.recipients.append(line.decode())
                writer.write(b"250 ok\r\n")
            elif word == b"DATA":
                writer.write(b"354 go on\r\n")
                self.taken.append(await reader.readuntil(b"\r\n.\r\n"))
                writer.write(b"250 taken\r\n")
            elif word == b"QUIT":
                writer.write(b"221 bye\r\n")
                break
            else:
                writer.write(b"250 ok\r\n")
        writer.close()


async def test_a_letter_is_a_whole_file_that_only_its_owner_reads(tmp_path: Path) -> None:
    mailer = Mailer(MailSettings(), tmp_path / "outbox")
    assert mailer.post(LETTER)
    await sent(mailer)
    (letter,) = letters(tmp_path / "outbox")
    assert (letter["To"], letter["Subject"]) == (LETTER.to, LETTER.subject)
    assert letter.get_content().splitlines() == LETTER.text.splitlines()
    assert (tmp_path / "outbox").stat().st_mode & 0o777 == 0o700
    assert [path.suffix for path in (tmp_path / "outbox").iterdir()] == [".eml"]


async def test_a_mail_server_that_refuses_for_now_is_asked_again(tmp_path: Path) -> None:
    server = MailServer(refuse=2)
    listening = await asyncio.start_server(server.talk, "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    settings = MailSettings(smtp_url=f"smtp://127.0.0.1:{port}")
    async with listening:
        mailer = Mailer(settings, tmp_path, pause_seconds=0.001)
        mailer.post(Mail("sam@example.org", "Hello", "Words."))
        await sent(mailer)
    (taken,) = server.taken
    letter = message_from_bytes(taken, policy=policy.default)
    assert letter["Subject"] == "Hello"
    assert "Words." in letter.get_content()
    assert "sam@example.org" in server.recipients[0]
    assert list(tmp_path.rglob("*.eml")) == []


async def test_what_no_server_takes_is_kept(tmp_path: Path) -> None:
    server = MailServer(refuse=1_000)
    listening = await asyncio.start_server(server.talk, "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    async with listening:
        mailer = Mailer(
            MailSettings(smtp_url=f"smtp://127.0.0.1:{port}"), tmp_path, pause_seconds=0.001
        )
        mailer.post(LETTER)
        await sent(mailer)
    assert [letter["To"] for letter in letters(tmp_path / "unsent")] == [LETTER.to]


async def test_what_waits_when_the_house_stops_is_kept(tmp_path: Path) -> None:
    mailer = Mailer(MailSettings(), tmp_path)
    for n in range(20):
        mailer.post(Mail(f"p{n}@example.org", "Hello", "Words."))
    running = asyncio.create_task(mailer.run())
    await asyncio.sleep(0)
    running.cancel()
    await asyncio.wait([running])
    assert {letter["To"] for letter in letters(tmp_path)} == {
        f"p{n}@example.org" for n in range(20)
    }


async def test_more_than_the_queue_holds_is_refused_at_once(tmp_path: Path) -> None:
    mailer = Mailer(MailSettings(), tmp_path)
    assert all(mailer.post(LETTER) for _ in range(WAITING_MAX))
    assert mailer.post(LETTER) is False


async def test_a_letter_that_cannot_be_written_does_not_stop_the_next(tmp_path: Path) -> None:
    async def away() -> Mail | None:
        raise OSError("the database is away")

    mailer = Mailer(MailSettings(), tmp_path, pause_seconds=0.001)
    mailer.compose(away)
    mailer.post(LETTER)
    await sent(mailer)
    assert len(letters(tmp_path)) == 1


async def test_a_fault_of_ours_in_one_letter_does_not_stop_the_next(tmp_path: Path) -> None:
    async def fault() -> Mail | None:
        raise ZeroDivisionError

    mailer = Mailer(MailSettings(), tmp_path)
    mailer.compose(fault)
    mailer.post(Mail("a@b.c\r\nBcc: eve@d.e", "Hello", "Words."))
    mailer.post(LETTER)
    await sent(mailer)
    assert [letter["To"] for letter in letters(tmp_path)] == [LETTER.to]


@settings(deadline=None)
@given(st.from_regex(EMAIL, fullmatch=True).filter(lambda email: len(email) <= 254))
def test_whoever_may_register_can_be_written_to_and_nobody_else_gets_it(email: str) -> None:
    message = Mailer(MailSettings(), Path())._message(Mail(email, "Hello", "Words."))
    read = message_from_bytes(bytes(message), policy=policy.default)
    assert len(read["To"].addresses) == 1
    assert set(read.keys()) == set(message.keys())


@pytest.mark.parametrize("url", ["smtp://127.0.0.1:1", "smtps://127.0.0.1:1"])
async def test_a_mail_server_that_is_not_there_is_given_up_in_the_end(
    tmp_path: Path, url: str
) -> None:
    mailer = Mailer(MailSettings(smtp_url=url), tmp_path, pause_seconds=0.001)
    mailer.post(LETTER)
    await sent(mailer)
    assert len(letters(tmp_path / "unsent")) == 1
