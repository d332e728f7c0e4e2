"""One driver against a small server that can be made to stall, to forget, and to repeat."""

import asyncio
import itertools
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
import uvloop

from loadtest.arrivals import Ramp
from loadtest.clients.wire import Trouble
from loadtest.driver import Driver
from loadtest.measure import seconds_at
from loadtest.outcome import Totals
from loadtest.plan import Plan
from loadtest.scenarios import load
from tests.loadtest.small import Small, account, person, plan


@pytest.fixture
async def small() -> AsyncIterator[Small]:
    async with Small().serving() as serving:
        yield serving


async def run(ordered: Plan, *, name: str = "") -> Totals:
    totals = Totals()
    await Driver(ordered, load(name or ordered.scenario), totals.add).run()
    return totals


def over(totals: Totals, name: str, seconds: float) -> int:
    """How many took longer."""
    found = totals.whole.times[name]
    return sum(
        one.count_added_in_this_iter_step
        for one in found.get_recorded_iterator()
        if one.value_iterated_to / 1e6 > seconds
    )


async def test_a_stall_shows_in_every_message_that_was_meant_during_it(small: Small) -> None:
    """A client that waits before it asks again would have seen one slow answer of sixty."""

    def stall() -> None:
        small.stalled_until = time.perf_counter() + 1.0

    asyncio.get_running_loop().call_later(0.7, stall)
    totals = await run(plan(small.target, for_seconds=3.0, every_seconds=0.05))
    assert totals.counted("replies") == totals.counted("turns") >= 50
    assert over(totals, "first_token", 0.25) >= 10
    assert (totals.timed("p", "first_token", 99) or 0) > 0.8
    assert over(totals, "waited", 0.25) >= 9, "they were sent late, and are counted from before"


async def test_times_of_the_settling_are_left_out_and_counts_are_not(small: Small) -> None:
    ordered = plan(small.target, for_seconds=1.0, every_seconds=0.05, settle_seconds=60.0)
    totals = await run(ordered)
    assert totals.counted("replies") == totals.counted("turns") >= 3
    assert totals.timed("p", "first_token", 99) is None


async def test_the_open_model_goes_on_coming_whatever_the_server_does(small: Small) -> None:
    """Ten people, each busy for the whole stall: the eleventh and later ones are dropped."""
    small.stalled_until = time.perf_counter() + 1.6
    ordered = plan(
        small.target, people=10, model="open", ramp=Ramp(20, 20), for_seconds=1.0, messages=1
    )
    totals = await run(ordered)
    assert totals.counted("starts") == 20
    assert totals.counted("dropped_starts") == 10
    assert totals.counted("visits") == 10
    assert (totals.timed("min", "connect", 0) or 0) > 0.1, "from the moment they were due"


async def test_three_drivers_bring_every_person_once(small: Small) -> None:
    ordered = [
        plan(
            small.target,
            people=9,
            scenario="idle",
            options={"talking": "0"},
            drivers=3,
            driver=i,
            for_seconds=0.5,
        )
        for i in range(3)
    ]
    each = await asyncio.gather(*map(run, ordered))
    assert [one.counted("starts") for one in each] == [3, 3, 3]
    assert len(small.events) == 9
    assert len(small.sources) == 9, "each from an address of their own"
    assert "127.0.0.1" not in small.sources


async def test_errors_are_counted_by_their_code(small: Small) -> None:
    small.refuse = "out_of_credits"
    totals = await run(plan(small.target, people=3, model="open", ramp=Ramp(30, 30)))
    assert totals.counted("errors") == totals.counted("errors.out_of_credits")
    assert (totals.counted("errors") or 0) >= 3
    assert totals.counted("visits") == 0


async def test_who_is_never_answered_gives_up(small: Small) -> None:
    small.silent = True
    someone = person(small, timeout_seconds=0.2)
    async with someone.socket() as socket:
        with pytest.raises(Trouble, match="ack_timeout"):
            await socket.say("Hello?", time.perf_counter())
    for name in ("ack", "first_token", "reply"):
        [one] = someone.measures.times[name].get_recorded_iterator()
        assert one.value_iterated_to >= 200_000, "the wait counts, or the slowest would be missing"


async def test_who_gives_up_at_the_door_counts_with_their_wait(small: Small) -> None:
    small.stalled_until = time.perf_counter() + 1.0
    someone = person(small, timeout_seconds=0.2)
    with pytest.raises(Trouble, match="hello_timeout"):
        await someone.socket().connect()
    assert seconds_at(someone.measures.times["connect"], 100) >= 0.2
    assert "sign_in" not in someone.measures.times


async def test_a_refused_sign_in_says_why(small: Small) -> None:
    with pytest.raises(Trouble, match="token_invalid"):
        await person(small, token="wrong").socket().connect()


async def test_nobody_listening_is_an_error_and_not_a_crash(small: Small) -> None:
    target = small.target
    gone = type(target)(host=target.host, port=1, address=target.address)
    totals = await run(plan(gone, people=2))
    assert totals.counted("errors.connect_failed") == 2


async def storm(small: Small, **options: str) -> Totals:
    """Five people who speak four times a second are cut off after half a second."""
    scenario = load("reconnect-storm")
    wanted = {**scenario.options, "at": "500ms", "jitter": "200ms", **options}
    changes: dict[str, Any] = {"people": 5, "scenario": "reconnect-storm", "options": wanted}
    return await run(plan(small.target, for_seconds=2.0, every_seconds=0.25, **changes))


async def test_a_storm_in_which_nothing_is_lost(small: Small) -> None:
    totals = await storm(small)
    assert totals.counted("losses") == totals.counted("resumes") == 5
    assert totals.counted("lost_events") == totals.counted("repeated_events") == 0
    assert totals.counted("replies") == totals.counted("turns")
    assert totals.whole.times["resume"].total_count == 5
    assert (totals.timed("p", "back", 100) or 0) >= (totals.timed("p", "resume", 100) or 0)


async def cut_in_the_middle(small: Small) -> Any:
    """Somebody who is lost after the first words of a reply, and comes back."""
    someone = person(small)
    async with someone.socket() as socket:
        socket.keep_session()
        await socket.say("First.", time.perf_counter())
        small.silent = True
        small.heard.clear()
        turn = socket.ask("Second.", time.perf_counter())
        await small.heard.wait()
        socket.cut()
        await socket.lost()
        small.silent = False
        # what was said meanwhile, by another device
        missed = small._reply("m_else", "r_0")
        kept = small.events[socket.session]
        for event in missed:
            kept.append(event | {"seq": len(kept) + 1})
        assert await socket.resume(time.perf_counter())
        await turn.done
    return someone.measures.counts


async def test_what_was_missed_is_replayed_and_what_was_unanswered_is_said_again(
    small: Small,
) -> None:
    counts = await cut_in_the_middle(small)
    assert [one["text"] for one in small.said] == ["First.", "Second.", "Second."]
    assert small.said[1]["key"] == small.said[2]["key"]
    assert counts["replies"] == 2
    assert (counts["lost_events"], counts["repeated_events"]) == (0, 0)


def test_what_is_said_into_a_lost_connection_is_said_again_after_it() -> None:
    """On uvloop, as drivers run: it raises where asyncio's own transport only warns."""

    async def speak() -> tuple[str, int]:
        async with Small().serving() as small, person(small).socket() as socket:
            socket.keep_session()
            socket.cut()
            turn = socket.ask("Is anybody there?", time.perf_counter())
            await socket.lost()
            await socket.resume(time.perf_counter())
            return (await turn.done).text, len(small.said)

    assert uvloop.run(speak()) == ("one two three", 1)


async def test_listeners_of_a_storm_say_nothing(small: Small) -> None:
    await storm(small, talking="0")
    assert small.said == []


async def test_a_share_of_an_idle_crowd_talks(small: Small) -> None:
    ordered = plan(
        small.target, people=8, scenario="idle", options={"talking": "0.25"}, for_seconds=0.5
    )
    totals = await run(ordered)
    assert totals.counted("visits") == 8
    assert {one["room"] for one in small.said} == {"r_3", "r_7"}


@pytest.mark.parametrize(("share", "wanted"), [(0.0, 0), (0.025, 25), (1 / 3, 333), (1.0, 1000)])
async def test_a_share_is_exact_and_evenly_spread(small: Small, share: float, wanted: int) -> None:
    someone = person(small)
    found = []
    for n in range(1000):
        someone.number = n
        if someone.is_among(share):
            found.append(n)
    assert len(found) == wanted
    if 0 < wanted < 1000:
        gaps = [b - a for a, b in itertools.pairwise(found)]
        assert max(gaps) - min(gaps) <= 1


async def test_who_came_at_the_last_moment_still_says_one_thing(small: Small) -> None:
    late = person(small, model="open")
    late._run.begin_at -= 60
    assert late.leaving
    assert [n async for n in late.turns(5)] != []
    assert [n async for n in person(small).turns(1)] != []


async def test_a_replay_with_a_gap_is_a_loss(small: Small) -> None:
    small.forget = 7
    counts = await cut_in_the_middle(small)
    assert counts["lost_events"] >= 1
    assert counts["repeated_events"] == 0


async def test_a_replay_that_repeats_is_counted(small: Small) -> None:
    small.repeat = 8
    counts = await cut_in_the_middle(small)
    assert (counts["lost_events"], counts["repeated_events"]) == (0, 1)


async def test_a_scenario_that_fails_is_counted_and_the_others_go_on(
    small: Small, tmp_path: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    mine = tmp_path / "mine.py"
    mine.write_text(
        '"""Odd ones stumble."""\n\nMODEL = "closed"\n\n\n'
        "async def visit(person):\n"
        "    person.measures.count('seen')\n"
        "    if person.number % 2:\n        raise KeyError('oh')\n"
    )
    totals = await run(plan(small.target, people=4, for_seconds=0.2), name=str(mine))
    assert totals.counted("errors.scenario.KeyError") == 2
    assert totals.counted("visits") == 2
    assert totals.counted("seen") == 4
    assert "KeyError: 'oh'" in capsys.readouterr().err


async def test_troubles_in_a_task_group_are_still_counted_by_their_code(
    small: Small, tmp_path: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    small.refuse = "out_of_credits"
    mine = tmp_path / "twins.py"
    mine.write_text(
        '"""Two things at once."""\n\nimport asyncio\nimport time\n\nMODEL = "closed"\n\n\n'
        "async def visit(person):\n"
        "    async with person.socket() as socket, asyncio.TaskGroup() as tasks:\n"
        "        tasks.create_task(socket.say('one', time.perf_counter()))\n"
    )
    totals = await run(plan(small.target, people=2, for_seconds=0.2), name=str(mine))
    assert totals.counted("errors") == totals.counted("errors.out_of_credits") == 2
    assert capsys.readouterr().err == ""


async def test_the_same_account_is_not_used_twice_at_once(small: Small) -> None:
    ordered = plan(
        small.target, people=3, model="open", ramp=Ramp(200, 200), for_seconds=0.5, messages=1
    )
    assert ordered.accounts == [account(n) for n in range(3)]
    totals = await run(ordered)
    assert totals.counted("starts") == 100
    assert (totals.counted("visits") or 0) + (totals.counted("dropped_starts") or 0) == 100
    assert (totals.counted("visits") or 0) >= 6, "who has left can come again"
