"""One conversation moves the metrics; its trace and its log lines are checked."""

import socket
import sys
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from prometheus_client.parser import text_string_to_metric_families

from config.observability import TracingSettings
from server.observability.table import METRICS
from server.observability.tracing import OpenTelemetryTraces
from tests.live import Client, Live, running

TOKEN = "a-scraper"
SHOWN = {"authorization": f"Bearer {TOKEN}"}


class Deaf(Client):
    """A device that signs in and then takes nothing any more, with little room in the kernel."""

    def __init__(self, live: Live, other: Client) -> None:
        super().__init__(live, {"user": other.user, "access_token": other.token})

    async def connect(self) -> dict[str, Any]:
        ready = await super().connect()
        self.ws.transport.pause_reading()
        raw = self.ws.transport.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        return ready


async def scraped(live: Live) -> dict[tuple[str, tuple[str, ...]], float]:
    answer = await live.http.get("/metrics", headers=SHOWN)
    assert answer.status_code == 200, answer.text
    return {
        (one.name, tuple(one.labels.values())): one.value
        for family in text_string_to_metric_families(answer.text)
        for one in family.samples
    }


async def test_each_thing_that_happens_moves_its_metric(
    database_url: str, valkey_url: str, tmp_path: Path
) -> None:
    async with running(database_url, valkey_url, tmp_path, KINDRED_METRICS__TOKEN=TOKEN) as live:
        assert (await live.http.get("/metrics")).status_code == 401
        ann = await live.person()
        room = (await ann.room())["id"]
        await ann.done((await ann.say(room, "hello"))["reply"])
        await ann.drop()
        assert (await ann.resume())["type"] == "resumed"
        await ann.drop()
        ann.epoch = "e_another"
        assert (await ann.resume())["type"] == "resync"
        now = await scraped(live)
        for metric in METRICS:
            assert any(name.startswith(metric.name) for name, _ in now) or metric.labels, metric
        moved = {
            ("kindred_sockets", ("websocket",)): 1,
            ("kindred_sign_ins_total", ("accepted",)): 3,
            ("kindred_resumes_total", ("resumed",)): 1,
            ("kindred_resumes_total", ("unknown_session",)): 1,
            ("kindred_turns_total", ("completed",)): 1,
            ("kindred_first_token_seconds_count", ()): 1,
            ("kindred_rooms_live", ()): 1,
            ("kindred_people", ()): 1,
        }
        assert {name: now[name] for name in moved} == moved
        assert (
            now["kindred_inter_token_seconds_count", ()]
            == now["kindred_reply_pieces_total", ()] - 1
        )
        assert now["kindred_credits_held_microcredits_total", ()] > 0
        captured = now["kindred_credits_captured_microcredits_total", ()]
        assert 0 < captured <= now["kindred_credits_held_microcredits_total", ()]
        assert now["kindred_bus_append_seconds_count", ()] > 2
        labels = {label for _, values in now for label in values}
        assert not {one for one in labels if one.startswith(("u_", "rm_", "r_", "s_", "m_"))}
        await ann.close()


async def test_one_trace_goes_from_the_frame_to_the_last_byte_across_two_nodes(
    database_url: str, valkey_url: str, tmp_path: Path
) -> None:
    seen = [InMemorySpanExporter(), InMemorySpanExporter()]
    async with (
        running(database_url, valkey_url, tmp_path / "a", node="gw-a") as first,
        running(database_url, valkey_url, tmp_path / "b", node="gw-b") as second,
    ):
        ann = await first.person()
        room = (await ann.room())["id"]
        await ann.done((await ann.say(room, "hold it here"))["reply"])  # gw-a has the lease
        both = []
        for live, name in ((first, "gw-a"), (second, "gw-b")):
            traces = OpenTelemetryTraces(TracingSettings(), name, seen[len(both)])
            live.house.realtime.traces = live.house.realtime.holder.forward.traces = traces
            both.append(traces)
        there = Client(second, {"user": ann.user, "access_token": ann.token})
        await there.connect()
        await there.done((await there.say(room, "and from there"))["reply"])
        await there.close()
        await ann.close()
        for traces in both:
            await traces.close()
    spans = {one.name: one for told in seen for one in told.get_finished_spans()}
    nodes = {name: one.resource.attributes["service.instance.id"] for name, one in spans.items()}
    wanted = {"frame": "gw-b", "forwarded": "gw-b", "delivered": "gw-b"}
    here = (
        "carried out",
        "screen",
        "recall",
        "prompt",
        "turn",
        "open",
        "model",
        "appends",
        "settle",
    )
    assert nodes == wanted | dict.fromkeys(here, "gw-a")
    assert len({one.context.trace_id for one in spans.values()}) == 1
    assert spans["carried out"].parent.span_id == spans["forwarded"].context.span_id
    assert spans["delivered"].attributes["kindred.ended"] == "last byte"
    assert spans["delivered"].end_time >= spans["model"].end_time


async def test_a_reader_that_does_not_read_and_a_provider_that_is_away_are_counted(
    database_url: str, valkey_url: str, tmp_path: Path
) -> None:
    """Its deltas are merged, it is closed as slow, and its entries stay for a resume."""
    changes = {
        "KINDRED_METRICS__TOKEN": TOKEN,
        "KINDRED_SOCKETS__TRANSPORT_BYTES": "4096",
        "KINDRED_PLANS__FREE__REQUESTS_PER_MINUTE": "0",
        "KINDRED_PLANS__FREE__MESSAGES_PER_DAY": "0",
        "KINDRED_PLANS__FREE__ALLOWANCE_MICROCREDITS": "9000000000",
        "KINDRED_SOCKETS__OUTBOX_BYTES": "65536",
        "KINDRED_SOCKETS__COMMANDS_BURST": "400",
    }
    async with running(database_url, valkey_url, tmp_path, **changes) as live:
        ann = await live.person()
        room = (await ann.room())["id"]
        deaf = Deaf(live, ann)
        await deaf.connect()
        words = "everything you remember " * 300
        while True:
            before = await scraped(live)
            if before["kindred_slow_readers_total", ()]:
                break
            answer = await ann.say(room, words)
            assert "reply" in answer, answer
            await ann.done(answer["reply"])
        assert before["kindred_deltas_merged_total", ()] > 0
        assert before["kindred_entries_unsent_total", ()] > 0
        live.script.away = True
        refused = await ann.done((await ann.say(room, "are you there?"))["reply"])
        assert refused["status"] == "failed"
        failures = {
            labels: count - before.get((name, labels), 0)
            for (name, labels), count in (await scraped(live)).items()
            if name == "kindred_provider_failures_total"
        }
        assert [set(labels) for labels in failures] == [{"script", "Unreachable"}]
        assert min(failures.values()) >= 1
        await deaf.drop()
        await ann.close()


async def test_a_request_goes_on_with_its_callers_trace(
    database_url: str, valkey_url: str, tmp_path: Path
) -> None:
    seen = InMemorySpanExporter()
    parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    async with running(database_url, valkey_url, tmp_path) as live:
        ann = await live.person()
        room = (await ann.room())["id"]
        traces = OpenTelemetryTraces(TracingSettings(), "gw-a", seen)
        live.house.realtime.traces = live.app.state.traces = traces
        told = {"traceparent": parent}
        for headers in (told, {**told, "authorization": "Bearer nobody"}):
            await ann.rest(
                "POST", f"/api/v1/rooms/{room}/messages", json={"text": "hi"}, headers=headers
            )
        await ann.until("reply.done")
        await ann.close()
        await traces.close()
    spans = {one.name: one for one in seen.get_finished_spans()}
    assert len([one for one in seen.get_finished_spans() if one.name == "request"]) == 1
    for name in ("request", "turn", "model", "settle"):
        assert f"{spans[name].context.trace_id:032x}" == parent.split("-")[1]


async def test_no_log_line_holds_what_a_person_wrote_or_is_called(
    database_url: str, valkey_url: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    person = {"email": "quetzal@marker.example", "username": "quetzalcoatlus"}
    async with running(database_url, valkey_url, tmp_path) as live:
        ann = await live.person(**person)
        room = (await ann.room())["id"]
        await ann.done((await ann.say(room, "xylophone in the marmalade"))["reply"])
        persona = live.house.catalogue.persona

        async def broken(companion: str) -> None:
            raise ValueError("xylophone quetzal")

        live.house.catalogue.persona = broken
        assert (await ann.say(room, "xylophone again"))["type"] == "error"
        live.house.catalogue.persona = persona
        await ann.close()
    lines = "".join(capfd.readouterr())
    assert '"kind":"ValueError"' in lines  # the failure itself was logged, with its session
    assert f'"session":"{ann.session}"' in lines
    for word in ("xylophone", "marmalade", "quetzal", "marker.example"):
        assert word not in lines


def test_what_is_off_is_not_imported() -> None:
    import subprocess

    off = "{'prometheus_client', 'opentelemetry.exporter', 'server.observability.tracing'}"
    code = f"import sys, server.app; print({off} & set(sys.modules))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "set()"
