"""A sender's reports say when a stamp was due: a busy worker must not part mouth and sound."""

import asyncio
import time
from typing import Any

import pytest
from aiortc.rtcrtpreceiver import RTCRtpReceiver
from aiortc.rtp import RtcpSrPacket

from media.calls.engine import PeerState, Received
from media.calls.offers import check_offer
from media.calls.opus import SILENCE
from media.calls.rtc import RtcEngine, ntp_of
from tests.media.calls.clients import Person

LATE_US = {"audio": 5_000, "video": 70_000}


class Nobody:
    """Takes what a peer does."""

    def on_state(self, state: PeerState, remote: str) -> None: ...
    def on_sound(self, packet: Received) -> None: ...
    def on_pcm(self, pcm: bytes) -> None: ...
    def on_message(self, data: bytes) -> None: ...
    def on_keyframe_wanted(self) -> None: ...
    def on_bandwidth(self, bits_per_second: int) -> None: ...
    def on_loss(self, percent: int) -> None: ...
    def on_sent_late(self, late_us: int) -> None: ...


class Reported:
    """What a sender reported: its stamps from the first packet on, as seconds, and its time."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.first: dict[str, int] = {}
        self.reports: dict[str, list[tuple[float, float]]] = {"audio": [], "video": []}
        rtp, rtcp = RTCRtpReceiver._handle_rtp_packet, RTCRtpReceiver._handle_rtcp_packet

        async def on_rtp(receiver: Any, packet: Any, arrival_time_ms: int) -> None:
            self.first.setdefault(receiver._RTCRtpReceiver__kind, packet.timestamp)
            await rtp(receiver, packet, arrival_time_ms)

        async def on_rtcp(receiver: Any, packet: Any) -> None:
            kind = receiver._RTCRtpReceiver__kind
            if isinstance(packet, RtcpSrPacket) and kind in self.first:
                info = packet.sender_info
                stamp = (info.rtp_timestamp - self.first[kind]) % 2**32
                sent = info.ntp_timestamp / 2**32
                self.reports[kind].append((stamp / (48e3 if kind == "audio" else 90e3), sent))
            await rtcp(receiver, packet)

        monkeypatch.setattr(RTCRtpReceiver, "_handle_rtp_packet", on_rtp)
        monkeypatch.setattr(RTCRtpReceiver, "_handle_rtcp_packet", on_rtcp)

    def begin(self, kind: str) -> float:
        """When the first stamp was due, by the last report."""
        stamp, sent = self.reports[kind][-1]
        return sent - stamp


def test_moments_become_ntp_by_one_clock() -> None:
    at = time.monotonic_ns() // 1000
    assert abs(ntp_of(at) / 2**32 - 2_208_988_800 - time.time()) < 2
    assert (ntp_of(at + 250_000) - ntp_of(at)) / 2**32 == pytest.approx(0.25, abs=1e-6)


async def test_pictures_that_leave_late_are_reported_with_their_sound(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    reported, person = Reported(monkeypatch), Person(video=True)
    peer = RtcEngine().peer(Nobody(), (), video=True)
    await person.answered(await peer.answer(check_offer(await person.offer(), video=True)))
    async with asyncio.timeout(30):
        await person.connected.wait()
        began = time.monotonic_ns() // 1000
        while min(map(len, reported.reports.values())) < 3:
            now = time.monotonic_ns() // 1000 - began
            for kind, late in LATE_US.items():
                sample = max(0, now - late) * 24 // 1000  # what was due so long ago leaves now
                due = began + sample * 1000 // 24
                if kind == "audio":
                    peer.send_sound(SILENCE, sample, due)
                else:
                    peer.send_picture(b"\x10\x00\x00\x9d\x01\x2a\x10\x00\x10\x00", sample, due)
            await asyncio.sleep(0.02)
    # By when they left, sound and picture of one moment would lie 65 ms apart.
    assert abs(reported.begin("audio") - reported.begin("video")) < 0.002
    await peer.aclose()
    await person.close()
