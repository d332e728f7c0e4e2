"""What a session missed: read back from the logs by its last number alone, on whatever node."""

import asyncio
import heapq
from collections.abc import Awaitable, Iterator, Mapping, Sequence
from typing import Final

from msgspec import Struct

from realtime.numbering import Rest, decode_anchors, decode_record, rests
from realtime.outbox import merged
from realtime.tails import Tails
from realtime.told import Told
from storage.bus.ports import Kept, Place

REPLAY_MAX: Final = 4_096
FEW_LOGS: Final = 3


class NotResumable(Exception):
    """The session cannot go on where it was; `reason` goes into `resync`."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Missed(Struct, frozen=True):
    """Where each log stood after the last number seen, and the frames that come next."""

    base: dict[str, Place]
    replay: list[Told]


async def missed(
    tails: Tails,
    live: dict[str, Place],
    logs: Mapping[str, Place | None],
    person: str,
    kept: Kept,
    seq: int,
) -> Missed:
    """What comes after frame `seq`, up to `live`. Raises NotResumable and BusDown.

    `logs`: from where on each is this person's, None for the beginning. Where they have seen more
    of a log than was pushed to this node yet, `live` is brought up to date.
    """
    record = decode_record(kept.record)
    if seq < record.acked:
        raise NotResumable("window")
    found = rests(record, decode_anchors(kept.anchors), seq)
    if found is None:
        raise NotResumable("seq_ahead")
    await _catch_up(tails, live, found)

    def after(log: str, since: Place | None) -> Awaitable[tuple[Place | None, list[Told]]]:
        return _after(tails, log, found.get(log), live.get(log), person, since)

    if len(logs) <= FEW_LOGS:  # mostly there is nothing to wait for, and a task costs more
        read = [await after(log, since) for log, since in logs.items()]
    else:
        read = await asyncio.gather(*(after(log, since) for log, since in logs.items()))
    base: dict[str, Place] = {}
    replays: list[list[Told]] = []
    for log, (place, entries) in zip(logs, read, strict=True):
        if place is not None:
            base[log] = place
        replays.append(entries)
    if not any(replays):
        return Missed(base, [])
    if sum(map(len, replays)) > REPLAY_MAX:
        raise NotResumable("window")
    return Missed(base, merged(in_order(replays)))


async def _catch_up(tails: Tails, live: dict[str, Place], found: Mapping[str, Rest]) -> None:
    for log, rest in found.items():
        here = live.get(log)
        if (
            here is None
            or rest.generation != here.generation
            or rest.after + rest.visible > here.pos
        ):
            await tails.catch_up(log)
            if (now := tails.place(log)) is not None:
                live[log] = now


async def _after(
    tails: Tails,
    log: str,
    rest: Rest | None,
    live: Place | None,
    person: str,
    since: Place | None,
) -> tuple[Place | None, list[Told]]:
    """Where one log stood, and what this person may see of what came then."""
    if live is None:
        if rest is not None:
            raise NotResumable("log_lost")
        return None, []
    if rest is None:
        here = since is not None and since.generation == live.generation
        rest = Rest(live.generation, min(since.pos, live.pos) if since and here else 0, 0)
    if rest.generation != live.generation or rest.after > live.pos:
        raise NotResumable("log_lost")
    if rest.after == live.pos:
        if rest.visible:
            raise NotResumable("seq_ahead")
        return live, []
    entries = await tails.after(log, rest.after, REPLAY_MAX + 1)
    if not entries or entries[0].pos != rest.after + 1:
        raise NotResumable("window")
    # What came since `live` is held by the socket, and follows.
    entries = [t for t in entries if t.pos <= live.pos and t.generation == live.generation]
    visible = [told for told in entries if told.visible(person, since)]
    if rest.visible > len(visible):
        raise NotResumable("seq_ahead")
    shown = visible[rest.visible - 1].pos if rest.visible else rest.after
    return Place(live.generation, shown), visible[rest.visible :]


def in_order(replays: Sequence[Sequence[Told]]) -> list[Told]:
    """Several logs as one, by time; within a log its own order holds, whatever clocks say."""
    return [told for _, _, told in heapq.merge(*map(_timed, replays, range(len(replays))))]


def _timed(replay: Sequence[Told], index: int) -> Iterator[tuple[int, tuple[int, int], Told]]:
    at = 0
    for told in replay:
        at = max(at, told.at)
        yield at, (index, told.pos), told
