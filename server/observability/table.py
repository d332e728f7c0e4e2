"""Every metric there is: its name, kind, labels and meaning. Pages, tests and scrapes read this.

Label values are few and fixed (a status, a transport, a provider's name from the settings):
never an id, an address or anything a person wrote.
"""

from typing import Final, Literal

from msgspec import Struct


class Metric(Struct, frozen=True):
    """One metric. A counter's name has no `_total` here; Prometheus' format adds it."""

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    help: str
    labels: tuple[str, ...] = ()

    @property
    def shown(self) -> str:
        """The name to ask Prometheus for."""
        return f"{self.name}_total" if self.kind == "counter" else self.name


METRICS: Final = (
    Metric("kindred_build", "gauge", "1, labelled with the version that runs.", ("version",)),
    Metric("kindred_sockets", "gauge", "Open connections.", ("transport",)),
    Metric("kindred_sockets_opened", "counter", "Connections that came.", ("transport",)),
    Metric("kindred_socket_closes", "counter", "Connections this side closed.", ("reason",)),
    Metric("kindred_slow_readers", "counter", "Connections closed because they did not read."),
    Metric("kindred_people", "gauge", "People with a connection here."),
    Metric("kindred_sign_ins", "counter", "Sign-ins on connections.", ("outcome",)),
    Metric("kindred_resumes", "counter", "Resumed sessions, or why one had to begin anew.",
           ("outcome",)),
    Metric("kindred_frames_received", "counter", "Frames people sent."),
    Metric("kindred_frames_sent", "counter", "Numbered frames handed to transports."),
    Metric("kindred_outbox_entries", "gauge", "Entries that wait for slow readers, all together."),
    Metric("kindred_outbox_deepest", "gauge", "Entries that wait for the slowest reader."),
    Metric("kindred_deltas_merged", "counter", "Deltas joined to the one before them."),
    Metric("kindred_ephemeral_dropped", "counter",
           "Ephemeral events (typing, presence) a newer one made pointless."),
    Metric("kindred_entries_unsent", "counter",
           "Entries that waited when their connection ended; a resume reads them from the log."),
    Metric("kindred_rooms_live", "gauge", "Rooms this gateway holds, each with a lease."),
    Metric("kindred_replies_under_way", "gauge", "Replies being given at the moment."),
    Metric("kindred_turns", "counter", "Turns that ended, by how.", ("status",)),
    Metric("kindred_first_token_seconds", "histogram", "From a turn's begin to its first words."),
    Metric("kindred_inter_token_seconds", "histogram", "Between two pieces of a reply."),
    Metric("kindred_turn_seconds", "histogram", "From a turn's beginning to its end."),
    Metric("kindred_reply_pieces", "counter", "Pieces of text models gave (most often a token)."),
    Metric("kindred_credits_held_microcredits", "counter", "Credits set aside for turns."),
    Metric("kindred_credits_captured_microcredits", "counter", "Credits charged of those."),
    Metric("kindred_provider_answers", "counter", "Questions a provider began to answer.",
           ("provider",)),
    Metric("kindred_provider_failures", "counter", "Failures of a provider.", ("provider", "kind")),
    Metric("kindred_provider_resting", "gauge", "1 while a provider's circuit is open.",
           ("provider",)),
    Metric("kindred_bus_append_seconds", "histogram", "Appends to a log on the bus."),
    Metric("kindred_bus_refusals", "counter", "Appends the bus did not take."),
    Metric("kindred_bus_stale_appends", "counter", "Appends by a gateway that had lost the lease."),
    Metric("kindred_bus_reconnects", "counter", "Connections to the bus that were made anew."),
    Metric("kindred_commands_forwarded", "counter",
           "Commands sent to other gateways by outcome; `for_another` came from them.",
           ("outcome",)),
    Metric("kindred_database_connections", "gauge", "Connections of the pool.", ("state",)),
    Metric("kindred_calls_live", "gauge", "Calls held by this gateway."),
    Metric("kindred_calls_ended", "counter", "Calls that ended, by why.", ("reason",)),
    Metric("kindred_calls_refused", "counter", "Calls that never began, by the error's code.",
           ("code",)),
    Metric("kindred_call_seconds", "counter", "Metered seconds of calls."),
    Metric("kindred_call_answer_seconds", "histogram",
           "From a person's last voiced sample to the first sample of the answer that left."),
    Metric("kindred_call_interruptions", "counter", "Replies a person interrupted by speaking."),
    Metric("kindred_cameras_shut", "counter",
           "Cameras shown no longer: a picture was refused, or nobody judged it.", ("why",)),
    Metric("kindred_call_packets", "counter", "Packets of people's sound, received or lost.",
           ("outcome",)),
    Metric("kindred_vr_sessions", "counter", "Sessions in headsets, by device.", ("device",)),
    Metric("kindred_vr_frames", "counter", "Pictures headsets say they showed, or dropped.",
           ("outcome",)),
    Metric("kindred_vr_frame_rate", "histogram",
           "Pictures a second in headsets, one measurement a report."),
    Metric("kindred_loop_lag_seconds", "histogram", "How late the event loop came round."),
)  # fmt: skip


def metrics_page() -> str:
    """docs/reference/metrics.md."""
    lines = [
        "# Metrics",
        "",
        "Generated by `make reference`; do not edit. How to read them is in",
        "[the guide](../guides/observability.md). Beside these stand the usual `process_*` and",
        "`python_gc_*` of the Prometheus client.",
        "",
        "| metric | kind | labels | meaning |",
        "|---|---|---|---|",
    ]
    for one in METRICS:
        labels = ", ".join(f"`{name}`" for name in one.labels)
        lines.append(f"| `{one.shown}` | {one.kind} | {labels} | {one.help} |")
    return "\n".join(lines) + "\n"
