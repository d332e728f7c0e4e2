"""The engine over aiortc, without what makes aiortc slow: packets in, packets out, no threads.

Its receivers decode on a thread of their own behind 80 ms of prefetch, its senders measure and
encode each frame in Python and on the shared executor; ours hand packets through. What is
overridden lies under names aiortc does not promise: tests/media/calls/test_rtc.py pins them.
"""

import asyncio
import contextlib
import time
from collections.abc import Callable
from typing import Any, Final, cast

import aioice.ice
from aiortc import RTCConfiguration, RTCIceServer, RTCPeerConnection, RTCSessionDescription
from aiortc.exceptions import InvalidAccessError, InvalidStateError, OperationError
from aiortc.mediastreams import MediaStreamTrack
from aiortc.rtcdatachannel import RTCDataChannel
from aiortc.rtcrtpparameters import RTCRtpReceiveParameters
from aiortc.rtcrtpreceiver import RTCRtpReceiver, StreamStatistics
from aiortc.rtcrtpsender import RTCRtpSender
from aiortc.rtcrtptransceiver import RTCRtpTransceiver
from aiortc.rtp import (
    RTCP_PSFB_APP,
    RtcpPsfbPacket,
    RtcpRrPacket,
    RtcpSrPacket,
    RtpPacket,
    unpack_remb_fci,
)
from aiortc.sdp import candidate_from_sdp
from av.packet import Packet

from media.calls.engine import EngineRefused, PeerEvents, PeerState, Received
from media.calls.keyframes import Film
from media.calls.messages import keep_small
from media.calls.offers import Offer
from media.calls.outgoing import OutgoingTrack
from media.calls.wire import Codec, IceServer

CLOSE_SECONDS: Final = 5.0
MOST_MESSAGE_BYTES: Final = 64_000
MOST_BUFFERED_BYTES: Final = 1_000_000
_PRIVATE: Final = "_RTCRtpReceiver__"
# A peer that is silent for so long is gone; aiortc alone would wait half a minute.
CONSENT_FAILURES: Final = 3
CONSENT_SECONDS: Final = 4


_NTP_UNIX_SECONDS: Final = 2_208_988_800
_WALL_US: Final = time.time_ns() // 1000 - time.monotonic_ns() // 1000  # once: it must not jump


def ntp_of(monotonic_us: int) -> int:
    """A moment of CLOCK_MONOTONIC as an NTP timestamp; of one process, all by one clock."""
    seconds, us = divmod(monotonic_us + _WALL_US, 1_000_000)
    return ((seconds + _NTP_UNIX_SECONDS) << 32) + (us << 32) // 1_000_000


class OpusPackets:
    """Takes the place of aiortc's Opus encoder, whose codec and resampler are half a megabyte."""

    def pack(self, packet: "Packet[Any]") -> tuple[list[bytes], int]:
        """A packet that is ready, with its place at 48 kHz."""
        return [bytes(packet)], 2 * int(packet.pts or 0)


class PacketReceiver(RTCRtpReceiver):
    """Hands on packets as they come: no thread, no decoder, nothing that can pile up."""

    def __init__(self, kind: str, transport: Any) -> None:
        super().__init__(kind, transport)
        self.take: Callable[[str, RtpPacket], None] | None = None

    async def receive(self, parameters: RTCRtpReceiveParameters) -> None:
        """As aiortc's, but for the thread that decodes."""
        if self._of("started"):
            return
        self._of("codecs").update({codec.payloadType: codec for codec in parameters.codecs})
        self._of("transport")._register_rtp_receiver(self, parameters)
        setattr(self, f"{_PRIVATE}rtcp_task", asyncio.ensure_future(self._run_rtcp()))
        setattr(self, f"{_PRIVATE}started", True)

    async def _handle_rtp_packet(self, packet: RtpPacket, arrival_time_ms: int) -> None:  # noqa: ARG002
        codec = self._of("codecs").get(packet.payload_type)
        if codec is None or not self._enabled:
            return
        streams = self._of("remote_streams")
        if packet.ssrc not in streams:
            while len(streams) >= 4:  # a peer may begin anew, but not without end
                del streams[next(iter(streams))]
            streams[packet.ssrc] = StreamStatistics(codec.clockRate)
        streams[packet.ssrc].add(packet)
        if self.take is not None:
            self.take(codec.mimeType.lower(), packet)

    def _of(self, name: str) -> Any:
        return getattr(self, f"{_PRIVATE}{name}")


class PacketSender(RTCRtpSender):
    """Tells what the peer reports: lost packets, a picture wanted anew, what it can receive.

    Its own reports pair a stamp with when that was *due*, on the leg's clock. aiortc's pair it with
    when the packet left: a busy worker would move mouths against their sound by how late it is.
    """

    events: PeerEvents | None = None

    def __init__(self, track: MediaStreamTrack | str, transport: Any) -> None:
        super().__init__(track, transport)
        self._taken_due_us = 0
        self._paired: tuple[int, int] | None = None
        if self.kind == "audio":
            vars(self)["_RTCRtpSender__encoder"] = OpusPackets()

    async def _next_encoded_frame(self, codec: Any) -> Any:
        # Whoever asks for the next one has sent the last: its stamp is the sender's.
        if self._taken_due_us:
            self._paired = (vars(self)["_RTCRtpSender__rtp_timestamp"], self._taken_due_us)
        frame = await super()._next_encoded_frame(codec)
        if frame is not None:
            self._taken_due_us = getattr(self.track, "taken_due_us", 0)
        return frame

    async def _send_rtcp(self, packets: list[Any]) -> None:
        for packet in packets:
            if isinstance(packet, RtcpSrPacket) and self._paired is not None:
                stamp, due_us = self._paired
                packet.sender_info.rtp_timestamp = stamp
                packet.sender_info.ntp_timestamp = ntp = ntp_of(due_us)
                vars(self)["_RTCRtpSender__lsr"] = (ntp >> 16) & 0xFFFFFFFF
        await super()._send_rtcp(packets)

    async def _handle_rtcp_packet(self, packet: Any) -> None:
        await super()._handle_rtcp_packet(packet)
        if self.events is None:
            return
        if isinstance(packet, RtcpRrPacket | RtcpSrPacket):
            for report in packet.reports:
                if report.ssrc == self._ssrc and self.kind == "audio":
                    self.events.on_loss(report.fraction_lost * 100 // 256)
        elif isinstance(packet, RtcpPsfbPacket) and packet.fmt == RTCP_PSFB_APP:
            with contextlib.suppress(ValueError):
                bits_per_second, sources = unpack_remb_fci(packet.fci)
                if self.kind == "video" and self._ssrc in sources:
                    self.events.on_bandwidth(bits_per_second)

    def _send_keyframe(self) -> None:
        if self.events is not None:
            self.events.on_keyframe_wanted()

    @property
    def round_trip_seconds(self) -> float | None:
        """As last measured from the peer's reports."""
        return cast("float | None", getattr(self, "_RTCRtpSender__rtt", None))


class PacketConnection(RTCPeerConnection):
    """aiortc's connection with our senders and receivers."""

    def _RTCPeerConnection__createTransceiver(  # noqa: N802 - aiortc's own name, as Python mangles it
        self, direction: str, kind: str, sender_track: MediaStreamTrack | None = None
    ) -> RTCRtpTransceiver:
        made = cast(
            "RTCRtpTransceiver",
            super()._RTCPeerConnection__createTransceiver(  # type: ignore[misc]
                direction=direction, kind=kind, sender_track=sender_track
            ),
        )
        transport = made.receiver.transport
        sender = PacketSender(sender_track or kind, transport)
        sender._stream_id = made.sender._stream_id
        receiver = PacketReceiver(kind, transport)
        receiver._set_rtcp_ssrc(sender._ssrc)
        vars(made).update(_RTCRtpTransceiver__sender=sender, _RTCRtpTransceiver__receiver=receiver)
        return made


class RtcPeer:
    """See media/calls/engine.py `Peer`."""

    def __init__(
        self,
        events: PeerEvents,
        ice: tuple[IceServer, ...],
        *,
        video: bool,
        camera: bool = False,
    ) -> None:
        self.codec: Codec | None = None
        self.raw = False
        self._events = events
        self._video_wanted = video
        self._film = Film(events.on_picture) if camera else None
        servers = [
            RTCIceServer(urls=one.urls, username=one.username, credential=one.credential)
            for one in ice
        ]
        self._connection = PacketConnection(RTCConfiguration(iceServers=servers))
        self._sound = OutgoingTrack("audio", events.on_sent_late)
        self._picture = OutgoingTrack("video")
        self._channel: RTCDataChannel | None = None
        self._told: PeerState | None = None
        self._connection.on("connectionstatechange", self._on_state)
        self._connection.on("datachannel", self._on_channel)

    async def answer(self, offer: Offer) -> str:
        """See the port."""
        connection = self._connection
        connection.addTrack(self._sound)
        if offer.video and self._video_wanted:
            connection.addTrack(self._picture)
        try:
            await connection.setRemoteDescription(RTCSessionDescription(offer.sdp, "offer"))
            self._prepare()
            if connection.sctp is not None:
                keep_small(connection.sctp)
            await connection.setLocalDescription(await connection.createAnswer())
        except (
            OperationError,
            InvalidStateError,
            InvalidAccessError,
            ValueError,
            KeyError,
            IndexError,
            AttributeError,
            AssertionError,
            TypeError,
            RuntimeError,
        ) as error:  # fmt: skip - aiortc's parser asserts, indexes, converts and runs out of items
            raise EngineRefused(type(error).__name__) from error
        return str(connection.localDescription.sdp)

    def _prepare(self) -> None:
        """The first section of sound is heard; only Opus is spoken; pictures only go out, unless
        the peer may send its own."""
        heard = False
        for transceiver in self._connection.getTransceivers():
            codecs = transceiver._codecs
            if transceiver.kind == "audio":
                opus = [codec for codec in codecs if codec.mimeType.lower() == "audio/opus"]
                transceiver._codecs = opus or codecs
                if not heard:
                    heard = True
                    cast("PacketReceiver", transceiver.receiver).take = self._on_sound
                    cast("PacketSender", transceiver.sender).events = self._events
                else:
                    transceiver.direction = "inactive"
            elif transceiver.sender.track is self._picture:
                transceiver.direction = "sendrecv" if self._film is not None else "sendonly"
                cast("PacketSender", transceiver.sender).events = self._events
                if self._film is not None:
                    receiver = cast("PacketReceiver", transceiver.receiver)
                    receiver.take, self._film.ask = self._film.take, receiver._send_rtcp_pli
                if transceiver._offerDirection in ("sendonly", "sendrecv"):
                    self.codec = "h264" if codecs[0].mimeType.lower() == "video/h264" else "vp8"
            else:
                transceiver.direction = "inactive"

    async def add_candidate(self, mid: str, candidate: str) -> None:
        """See the port."""
        try:
            found = candidate_from_sdp(candidate)
        except (ValueError, AssertionError, IndexError) as error:
            raise EngineRefused(type(error).__name__) from error
        found.sdpMid = mid
        # Everything is bundled: whatever section a candidate names, the transport is the first's.
        transceivers = self._connection.getTransceivers()
        if transceivers:
            found.sdpMid = transceivers[0].mid
        with contextlib.suppress(ValueError):  # after the end of candidates
            await self._connection.addIceCandidate(found)

    def send_sound(self, payload: bytes, sample: int, due_us: int) -> None:
        """See the port."""
        self._sound.put(payload, sample, due_us)

    def send_picture(self, data: bytes, sample: int, due_us: int) -> None:
        """See the port."""
        if self.codec is not None:
            self._picture.put(data, sample, due_us)

    def want_picture(self) -> None:
        """See the port."""
        if self._film is not None:
            self._film.want()

    def want_no_picture(self) -> None:
        """See the port."""
        if self._film is not None:
            self._film.want_none()

    def send_message(self, data: bytes) -> None:
        """See the port."""
        channel = self._channel
        if channel is None or channel.readyState != "open":
            return
        if channel.bufferedAmount < MOST_BUFFERED_BYTES:
            channel.send(data.decode(errors="replace"))

    def round_trip_ms(self) -> float | None:
        """See the port."""
        for transceiver in self._connection.getTransceivers():
            seconds = cast("PacketSender", transceiver.sender).round_trip_seconds
            if seconds is not None:
                return 1000 * seconds
        return None

    async def aclose(self) -> None:
        """See the port."""
        self._told = "closed"
        self._connection.remove_all_listeners()
        self._sound.stop()
        self._picture.stop()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_SECONDS):
                await self._connection.close()

    def _on_state(self) -> None:
        names: dict[str, PeerState] = {
            "connected": "connected", "failed": "lost", "closed": "lost"
        }  # fmt: skip
        state = names.get(self._connection.connectionState)
        if state is not None and state != self._told and self._told not in ("lost", "closed"):
            self._told = state
            self._events.on_state(state, self._remote())

    def _remote(self) -> str:
        """How the peer is reached, coarsely."""
        for transceiver in self._connection.getTransceivers():
            pairs = transceiver.receiver.transport.transport._connection._nominated
            for pair in pairs.values():
                kinds = {pair.remote_candidate.type, pair.local_candidate.type}
                return "relay" if "relay" in kinds else str(pair.remote_candidate.type)
        return ""

    def _on_sound(self, codec: str, packet: RtpPacket) -> None:
        if codec == "audio/opus" and packet.payload:
            self._events.on_sound(
                Received(packet.ssrc, packet.sequence_number, packet.timestamp, packet.payload)
            )

    def _on_channel(self, channel: RTCDataChannel) -> None:
        if channel.label != "events" or self._channel is not None:
            return
        self._channel = channel
        channel.on("message", self._on_message)

    def _on_message(self, message: str | bytes) -> None:
        data = message.encode() if isinstance(message, str) else message
        if len(data) <= MOST_MESSAGE_BYTES:
            self._events.on_message(data)


class RtcEngine:
    """See media/calls/engine.py `MediaEngine`."""

    def __init__(self) -> None:
        # Module constants in aioice; a worker process is ours alone.
        vars(aioice.ice).update(CONSENT_FAILURES=CONSENT_FAILURES, CONSENT_INTERVAL=CONSENT_SECONDS)

    def peer(
        self,
        events: PeerEvents,
        ice: tuple[IceServer, ...],
        *,
        video: bool,
        camera: bool = False,
    ) -> RtcPeer:
        """See the port."""
        return RtcPeer(events, ice, video=video, camera=camera)
