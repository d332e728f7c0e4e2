"""What the numbers are at this moment: walks the house and reads its tallies.

Runs when somebody asks, never before; one pass over the sockets is the most expensive part.
"""

from collections import Counter
from collections.abc import Mapping
from typing import get_args

from realtime import frames
from rooms.calls.doubts import Unseen
from rooms.shapes import CallEndReason
from rooms.tallies import CallTally
from server.house import House
from server.observability.lag import LoopLag
from storage.bus.tally import BusTally
from storage.spread import Spread

Labels = tuple[str, ...]
Reading = Mapping[Labels, float] | Spread
CLOSE_WORDS = {
    frames.CLOSE_BYE: "bye",
    frames.CLOSE_GOING_AWAY: "going_away",
    frames.CLOSE_INVALID_UTF8: "invalid_utf8",
    frames.CLOSE_TOO_LARGE: "too_large",
    frames.CLOSE_RECONNECT: "reconnect",
    frames.CLOSE_SLOW: "slow",
    frames.CLOSE_REPLACED: "replaced",
    frames.CLOSE_HEARTBEAT: "heartbeat",
    frames.CLOSE_TOKEN_EXPIRED: "token_expired",
    frames.CLOSE_BAD_FRAME: "bad_frame",
    frames.CLOSE_NOT_SIGNED_IN: "not_signed_in",
    frames.CLOSE_FORBIDDEN: "forbidden",
    frames.CLOSE_REVOKED: "revoked",
    frames.CLOSE_FLOODING: "flooding",
}


def readings(house: House, bus: BusTally, lag: LoopLag) -> dict[str, Reading]:
    """Every metric of table.py by its name."""
    return {
        "kindred_build": {(house.version,): 1},
        "kindred_loop_lag_seconds": lag.spread,
        **_sockets(house),
        **_turns(house),
        **_calls(house),
        **_stores(house, bus),
    }


def _sockets(house: House) -> dict[str, Reading]:
    realtime, tally = house.realtime, house.realtime.tally
    transports: Counter[Labels] = Counter(
        {("websocket",): 0, ("sse",): 0, ("socketio",): 0, ("openai",): 0}
    )
    depths = []
    for socket in realtime.sockets:
        transports[socket.transport,] += 1
        depths.append(socket.waiting)
    closed: Counter[Labels] = Counter()
    for code, count in tally.closed.items():
        closed[CLOSE_WORDS.get(code, "other"),] += count
    return {
        "kindred_sockets": transports,
        "kindred_sockets_opened": _by(tally.opened, *(one for (one,) in transports)),
        "kindred_socket_closes": closed,
        "kindred_slow_readers": _one(tally.closed[frames.CLOSE_SLOW]),
        "kindred_people": _one(sum(1 for _ in realtime.registry)),
        "kindred_sign_ins": _by(tally.sign_ins, "accepted", "refused"),
        "kindred_resumes": _by(
            tally.resumes, "resumed", "unknown_session", "window", "seq_ahead", "log_lost"
        ),
        "kindred_frames_received": _one(tally.frames_in),
        "kindred_frames_sent": _one(tally.frames_out),
        "kindred_outbox_entries": _one(sum(depths)),
        "kindred_outbox_deepest": _one(max(depths, default=0)),
        "kindred_deltas_merged": _one(tally.merged),
        "kindred_ephemeral_dropped": _one(tally.hushed),
        "kindred_entries_unsent": _one(tally.unsent),
        "kindred_rooms_live": _one(len(realtime.holder.live)),
        "kindred_replies_under_way": _one(realtime.holder.under_way),
        "kindred_commands_forwarded": _by(
            realtime.holder.forward.tally,
            *("answered", "refused", "not_here", "unanswered", "for_another"),
        ),
    }


def _turns(house: House) -> dict[str, Reading]:
    tally, credits, router = house.room_parts.turn.tally, house.credits.tally, house.router
    statuses = ("completed", "interrupted", "failed", "out_of_credits", "moderated")
    return {
        "kindred_turns": {**_by(tally.ended, *statuses), ("not_opened",): tally.refused},
        "kindred_first_token_seconds": tally.first_word,
        "kindred_inter_token_seconds": tally.between_words,
        "kindred_turn_seconds": tally.whole,
        "kindred_reply_pieces": _one(tally.pieces),
        "kindred_credits_held_microcredits": _one(credits.held),
        "kindred_credits_captured_microcredits": _one(credits.captured),
        "kindred_provider_answers": _by(router.answers),
        "kindred_provider_failures": {
            (name, kind): count for (name, kind), count in router.failures.items()
        },
        "kindred_provider_resting": {
            (name,): float(resting) for name, resting in router.resting().items()
        },
    }


def _calls(house: House) -> dict[str, Reading]:
    parts = house.room_parts.calls
    tally = parts.tally if parts is not None else CallTally()
    return {
        "kindred_calls_live": _one(tally.live),
        "kindred_calls_ended": _by(tally.ended, *get_args(CallEndReason)),
        "kindred_calls_refused": _by(tally.refused),
        "kindred_call_seconds": _one(tally.seconds),
        "kindred_call_answer_seconds": tally.out,
        "kindred_call_interruptions": _one(tally.interruptions),
        "kindred_cameras_shut": _by(tally.cameras_shut, *get_args(Unseen)),
        "kindred_call_packets": {("received",): tally.received, ("lost",): tally.lost},
        "kindred_vr_sessions": _by(tally.headsets.sessions),
        "kindred_vr_frames": {
            ("shown",): tally.headsets.frames,
            ("dropped",): tally.headsets.dropped,
        },
        "kindred_vr_frame_rate": tally.headsets.frame_rate,
    }


def _stores(house: House, bus: BusTally) -> dict[str, Reading]:
    size, idle = house.db.get_size(), house.db.get_idle_size()
    return {
        "kindred_bus_append_seconds": bus.append_seconds,
        "kindred_bus_refusals": _one(bus.refused),
        "kindred_bus_stale_appends": _one(bus.stale),
        "kindred_bus_reconnects": _one(bus.reconnects),
        "kindred_database_connections": {
            ("used",): size - idle,
            ("idle",): idle,
            ("most",): house.db.get_max_size(),
        },
    }


def _one(value: float) -> Mapping[Labels, float]:
    return {(): value}


def _by(counted: Mapping[str, int], *known: str) -> dict[Labels, float]:
    """By one label. Known values are told from the start: a rate needs a zero."""
    return {(name,): counted.get(name, 0) for name in dict.fromkeys((*known, *counted))}
