/** For administrators: the last calls of everybody, and how well each went. Never what was said. */
import { api } from "../api.js";
import { credits, when } from "../format.js";
import { Fault, useLoaded } from "../parts.js";
import { html } from "../ui.js";

/** @typedef {{ count: number, p50_ms: number, p95_ms: number, most_ms: number }} Stage */
/** @typedef {{ turns?: number, interruptions?: number, words_heard?: number, stages?: Record<string, Stage>, received?: number, lost?: number, gaps?: number, gap_ms?: number, late_ms_p99?: number, remote?: string }} Quality */
/** @typedef {{ id: string, room: string, kind: string, transport: string, state: string, reason: string | null, seconds: number, cost_microcredits: number, started_at: number, quality: Quality, headsets?: Headset[] }} CallRecord */
/** @typedef {{ session: string, device: string, mode: string, seconds: number, frames: number, dropped_frames: number, frame_rate: number, latency_ms: number }} Headset */

export function CallLog() {
  const { value, fault, reload } = useLoaded(() => /** @type {Promise<{ items: CallRecord[] }>} */ (api("GET", "admin/calls")), []);
  if (fault && !value) return html`<${Fault} text=${fault} act=${reload} />`;
  const items = value?.items ?? [];
  return html`
    <ul class="live-rooms">${items.map((one) => html`<${Row} key=${one.id} row=${one} />`)}</ul>
    ${value && !items.length ? html`<p class="soft center">Nobody has called yet.</p>` : null}`;
}

/** @param {{ row: CallRecord }} props */
function Row({ row }) {
  const q = row.quality;
  const out = q.stages?.out;
  const sent = (q.received ?? 0) + (q.lost ?? 0);
  return html`<li data-call=${row.id} data-state=${row.state}><a href=${`/console/${row.room}`}>
    <b>${row.kind} <span class="soft">over</span> ${row.transport}</b>
    <time class="num soft">${when(row.started_at)}</time>
    <p><span class="num">${length(row.seconds)}</span> · <span class="num">${credits(row.cost_microcredits, { least: 2 })}</span> credits · ${row.reason?.replaceAll("_", " ") ?? "goes on"}</p>
    <p class="soft num">${out ? `answers in ${out.p50_ms} ms (${out.p95_ms} at worst of twenty)` : "no answer yet"} · ${q.turns ?? 0} turns, ${q.interruptions ?? 0} interrupted · ${q.words_heard ?? 0} words heard</p>
    ${q.lost || q.gaps ? html`<p class="marks">${q.lost ? html`<span class="badge warn">${((100 * q.lost) / sent).toFixed(1)} % lost</span>` : null}${q.gaps ? html`<span class="badge">${q.gaps} ${q.gaps === 1 ? "gap" : "gaps"}, ${Math.round((q.gap_ms ?? 0) / 1000)} s</span>` : null}</p>` : null}
    ${row.headsets?.map((one) => html`<p class="soft num" key=${one.session} data-headset=${one.device}>${one.mode.toUpperCase()} on ${one.device.replaceAll("_", " ")}: ${one.frame_rate} pictures a second, ${one.frames ? ((100 * one.dropped_frames) / (one.frames + one.dropped_frames)).toFixed(1) : "0.0"} % dropped, ${Math.round(one.latency_ms)} ms late, ${length(one.seconds)}</p>`)}
  </a></li>`;
}

/** @param {number} seconds */
function length(seconds) {
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
}
