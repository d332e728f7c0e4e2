"""Passwords and addresses: what a mailed code opens, what it does not, and what nobody learns."""

import asyncio
import statistics
import time

import pytest

from server.accounts.passwords import Passwords
from tests.server.small import PASSWORD, Small

pytestmark = pytest.mark.stores
NEW = "another password"


async def forgot(small: Small, email: str):
    return await small.ask("POST", "users/password/forgot", body={"email": email})


async def reset(small: Small, email: str, code: str):
    body = {"email": email, "code": code, "new_password": NEW}
    return await small.ask("POST", "users/password/reset", body=body)


async def test_asking_for_a_code_answers_before_anything_is_looked_up(small: Small) -> None:
    person = await small.register()
    held = await small.db.acquire()
    try:
        async with held.transaction():
            await held.execute("LOCK TABLE people, reset_codes IN ACCESS EXCLUSIVE MODE")
            async with asyncio.timeout(5):
                known = await forgot(small, person.form["email"])
                unknown = await forgot(small, "nobody@example.org")
    finally:
        await small.db.release(held)
    assert (
        (known.status_code, known.content) == (unknown.status_code, unknown.content) == (202, b"")
    )
    assert [letter["To"] for letter in await small.letters()] == [person.form["email"]]


async def test_a_code_works_once_and_says_nothing_of_who_has_an_account(small: Small) -> None:
    person = await small.register()
    await forgot(small, person.form["email"])
    code = await small.code()
    strange = await reset(small, "nobody@example.org", code)
    wrong = await reset(small, person.form["email"], f"{(int(code) + 1) % 10**8:08d}")
    assert strange.json() == wrong.json()
    assert strange.json()["code"] == "code_wrong"
    assert (await reset(small, person.form["email"], code)).status_code == 204
    assert (await reset(small, person.form["email"], code)).json()["code"] == "code_wrong"
    assert (await person.log_in()).status_code == 401
    assert (await person.log_in(NEW)).status_code == 200
    assert (await person.ask("GET", "auth/me")).status_code == 401
    assert "password was changed" in (await small.letters())[-1]["Subject"]


async def test_racing_guesses_use_up_the_same_five_tries(small: Small) -> None:
    person = await small.register()
    await forgot(small, person.form["email"])
    code = await small.code()
    guesses = [f"{(int(code) + n) % 10**8:08d}" for n in range(1, 9)]
    await asyncio.gather(*(reset(small, person.form["email"], guess) for guess in guesses))
    assert await small.db.fetchval("SELECT tries FROM reset_codes") == 5
    assert (await reset(small, person.form["email"], code)).json()["code"] == "code_wrong"
    assert (await person.log_in()).status_code == 200


async def test_a_code_is_too_old_after_a_quarter_of_an_hour(small: Small) -> None:
    person = await small.register()
    await forgot(small, person.form["email"])
    code = await small.code()
    left = await small.db.fetchval("SELECT expires_at - now() FROM reset_codes")
    assert 890 < left.total_seconds() <= 900
    await small.db.execute("UPDATE reset_codes SET expires_at = now()")
    assert (await reset(small, person.form["email"], code)).json()["code"] == "code_wrong"


async def test_the_newest_code_is_the_only_one(small: Small) -> None:
    person = await small.register()
    await forgot(small, person.form["email"])
    first = await small.code()
    await forgot(small, person.form["email"])
    second = await small.code()
    if first != second:
        assert (await reset(small, person.form["email"], first)).json()["code"] == "code_wrong"
    assert (await reset(small, person.form["email"], second)).status_code == 204


async def test_changing_the_password_asks_for_the_old_one_and_ends_the_other_sign_ins(
    small: Small,
) -> None:
    person = await small.register()
    other = (await person.log_in()).json()["access_token"]
    body = {"password": "not mine at all", "new_password": NEW}
    refused = await person.ask("POST", "users/password", body)
    assert (refused.status_code, refused.json()["code"]) == (403, "wrong_credentials")
    done = await person.ask("POST", "users/password", {**body, "password": PASSWORD})
    assert done.status_code == 204
    assert (await person.ask("GET", "auth/me")).status_code == 200
    assert (await small.ask("GET", "auth/me", other)).status_code == 401
    assert (await person.log_in(NEW)).status_code == 200


async def test_changing_the_address_asks_for_the_password_and_tells_the_old_one(
    small: Small,
) -> None:
    person, stranger = await small.register(), await small.register()
    await forgot(small, person.form["email"])
    code = await small.code()
    body = {"password": "not mine at all", "email": "moved@example.org"}
    assert (await person.ask("POST", "users/email", body)).status_code == 403
    taken = {"password": PASSWORD, "email": stranger.form["email"].upper()}
    assert (await person.ask("POST", "users/email", taken)).json()["code"] == "email_taken"
    odd = {"password": PASSWORD, "email": "a@b.c, eve@example.org"}
    assert (await person.ask("POST", "users/email", odd)).status_code == 422
    done = await person.ask("POST", "users/email", {**body, "password": PASSWORD})
    assert done.status_code == 204
    last = (await small.letters())[-1]
    assert (last["To"], last["Subject"]) == (
        person.form["email"],
        "Your Kindred address was changed",
    )
    assert (await reset(small, "moved@example.org", code)).json()["code"] == "code_wrong"
    assert (await person.ask("GET", "users/profile")).json()["email"] == "moved@example.org"


async def test_a_sign_in_takes_as_long_for_an_account_that_does_not_exist(small: Small) -> None:
    person = await small.register()

    async def seconds(login: str) -> float:
        begun = time.perf_counter()
        body = {"email": login, "password": "certainly wrong"}
        assert (await small.ask("POST", "users/login", body=body)).status_code == 401
        return time.perf_counter() - begun

    known, unknown = [], []
    for _ in range(15):
        known.append(await seconds(person.form["email"]))
        unknown.append(await seconds("nobody@example.org"))
    ratio = statistics.median(known) / statistics.median(unknown)
    assert 0.6 < ratio < 1.6, (known, unknown)


async def test_hashing_is_bounded_and_never_stops_the_loop() -> None:
    passwords = Passwords(65_536, 2)
    longest, done = 0.0, asyncio.Event()

    async def heartbeat() -> None:
        nonlocal longest
        while not done.is_set():
            begun = time.perf_counter()
            await asyncio.sleep(0)
            longest = max(longest, time.perf_counter() - begun)

    beating = asyncio.create_task(heartbeat())
    begun = time.perf_counter()
    await passwords.hash("alone")
    alone = time.perf_counter() - begun
    kept = await asyncio.gather(*(passwords.hash(f"password {n}") for n in range(8)))
    done.set()
    await beating
    assert len(set(kept)) == 8
    assert longest < max(alone, 0.05) * 3
    passwords.close()


async def test_a_bcrypt_password_signs_in_and_is_argon2id_from_then_on(small: Small) -> None:
    import bcrypt

    person = await small.register()
    old = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()
    await small.db.execute("UPDATE people SET password = $1", old)
    assert (await person.log_in("wrong password")).status_code == 401
    assert (await person.log_in()).status_code == 200
    assert (await small.db.fetchval("SELECT password FROM people")).startswith("$argon2id$")
    assert (await person.log_in()).status_code == 200
    await small.db.execute("UPDATE people SET password = '$2b$nonsense'")
    assert (await person.log_in()).status_code == 401
