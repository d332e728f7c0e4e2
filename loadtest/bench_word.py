"""What a streamed word costs: CPU of gateways, database and bus for each delta that is seen.

`python -m loadtest.bench_word [--people 250] [--seconds 30]`, in a house of its own. Everybody is
always being answered, one word at a time, so that turns that begin and end are in it as well. The
driver's own cost stands beside it: machines differ, and so do the hours of one.
"""

import asyncio
import itertools
import json
from functools import partial
from pathlib import Path
from typing import Any

import click
import psutil
import uvloop

from loadtest.bench_resume import KINDS, Person, all_of, busy, seeded
from loadtest.clients.talk import message_send
from loadtest.plan import Account
from loadtest.scripted_house import House, scripted_house

AT_ONCE = 50
SETTLE_SECONDS = 5.0
REPLY_TOKENS = 70
GAP_MS = 200


class Chatty:
    """Somebody who says something as soon as they were answered, and counts what they see."""

    def __init__(self, person: Person, account: Account) -> None:
        self.deltas = self.replies = 0
        self._person, self._account = person, account
        self._numbers = itertools.count(2)
        person.on_frame = self._see

    def _see(self, frame: dict[str, Any]) -> None:
        match frame["type"]:
            case "reply.delta":
                self.deltas += 1
            case "reply.done":
                self.replies += 1
                self.speak()

    def speak(self) -> None:
        """Say something."""
        number = str(next(self._numbers))
        key = f"{self._person.session}-{number}"
        self._person.say(message_send(number, self._account.room, "And then?", key))


async def measure(accounts: list[Account], house: House, seconds: float) -> dict[str, float]:
    """Microseconds of CPU for each delta, by kind of process."""
    people = [Person(one.token, number) for number, one in enumerate(accounts)]
    found = await all_of([partial(one.sign_in, house.port) for one in people], AT_ONCE)
    if found["ready"] < len(people):
        raise click.ClickException(f"Not everybody could sign in: {dict(found)}")
    chatty = [Chatty(*pair) for pair in zip(people, accounts, strict=True)]
    for place, one in enumerate(chatty):
        one.speak()
        await asyncio.sleep(REPLY_TOKENS * GAP_MS / 1000 / len(chatty) if place else 0)
    await asyncio.sleep(SETTLE_SECONDS)
    own, cpu = psutil.Process(), busy(house.top)
    before, own_before = sum(one.deltas for one in chatty), sum(own.cpu_times()[:2])
    for _ in range(int(seconds)):
        await asyncio.sleep(1.0)
        for person in people:
            person.beat()
    after = busy(house.top)
    deltas = sum(one.deltas for one in chatty) - before
    each = {kind: (after[kind] - cpu[kind]) / deltas * 1e6 for kind in KINDS.values()}
    each["driver"] = (sum(own.cpu_times()[:2]) - own_before) / deltas * 1e6
    return {"deltas_a_second": deltas / seconds, **each}


@click.command()
@click.option("--people", default=250, show_default=True)
@click.option("--seconds", default=30.0, show_default=True)
@click.option("--gateways", default=1, show_default=True)
@click.option("--out", type=click.Path(path_type=Path), default=Path("build/bench-word.json"))
def main(people: int, seconds: float, gateways: int, out: Path) -> None:
    """Measure in a house of its own, and print what was found."""
    with scripted_house(gateways=gateways, tokens=REPLY_TOKENS, gap_ms=GAP_MS) as house:
        found = uvloop.run(measure(seeded(house.folder, people), house, seconds))
    for name, value in found.items():
        click.echo(f"{name:<18}{value:>8.0f}{'' if name.startswith('deltas') else ' us a delta'}")
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
