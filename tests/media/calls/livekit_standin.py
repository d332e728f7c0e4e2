"""A stand-in for a LiveKit server, for tests: it is not LiveKit, and forwards tracks and data.

It speaks as much of LiveKit's signalling, with aiortc behind it, as the real SDK needs to join a
room, publish a microphone, hear the others and send messages. Nothing is learnt here of LiveKit's
own forwarding, simulcast or clustering.
"""

import asyncio
import contextlib
import json
from typing import Any

from aiohttp import WSMsgType, web
from aiortc import RTCBundlePolicy, RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.contrib.media import MediaRelay
from aiortc.sdp import candidate_from_sdp
from livekit import api
from livekit.protocol import models, rtc

KINDS = {models.TrackType.AUDIO: "audio", models.TrackType.VIDEO: "video"}
# With another policy aiortc leaves all but the first video of one offer on a transport of its own,
# which never connects: so it was whenever the face was published before the voice was negotiated.
ONE_WAY = RTCConfiguration(iceServers=[], bundlePolicy=RTCBundlePolicy.MAX_BUNDLE)


class Participant:
    """One SDK: what it publishes comes over one connection, what it hears over another."""

    def __init__(self, server: "StandIn", ws: web.WebSocketResponse, name: str) -> None:
        self.server, self.ws, self.identity = server, ws, name
        self.sid = f"PA_{len(server.people)}{name[:6]}"
        self.publisher = RTCPeerConnection(ONE_WAY)
        self.subscriber = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self.tracks: list[models.TrackInfo] = []
        self.published: list[Any] = []
        self.one_offer = asyncio.Lock()
        self.answered = asyncio.Event()
        self.channel = self.subscriber.createDataChannel("_reliable")
        self.subscriber.createDataChannel("_lossy")
        self.publisher.on("track", self._on_track)
        self.publisher.on("datachannel", self._on_channel)

    def info(self) -> models.ParticipantInfo:
        return models.ParticipantInfo(
            sid=self.sid, identity=self.identity, tracks=self.tracks,
            state=models.ParticipantInfo.ACTIVE,
            permission=models.ParticipantPermission(
                can_publish=True, can_subscribe=True, can_publish_data=True
            ),
        )  # fmt: skip

    async def send(self, **what: Any) -> None:
        """What is for somebody who is on the way out goes nowhere, and stops nobody else's."""
        if not self.ws.closed:
            with contextlib.suppress(ConnectionError):
                await self.ws.send_bytes(rtc.SignalResponse(**what).SerializeToString())

    def _on_track(self, track: Any) -> None:
        named = [info for info in self.tracks if KINDS[info.type] == track.kind]
        already = [one for _, one in self.published if one.kind == track.kind]
        self.published.append((named[len(already)], track))
        self.server.later(self.server.share(self, self.published[-1:]))
        if track.kind == "video":
            self.server.later(self._seen_from_here_on(track))

    async def _seen_from_here_on(self, track: Any) -> None:
        """Ask for whole pictures until one came, as an SFU does for whoever begins to watch."""
        (receiver,) = [
            one.receiver for one in self.publisher.getTransceivers() if one.receiver.track is track
        ]
        watching = self.server.relay.subscribe(track)
        while watching.readyState == "live":
            try:
                async with asyncio.timeout(0.5):
                    await watching.recv()
                return watching.stop()
            except TimeoutError:
                for source in receiver.getSynchronizationSources():
                    await receiver._send_rtcp_pli(source.source)

    async def told_of_pictures(self) -> list[Any]:
        """What this one's own connection says of the pictures that came over it, for a failure."""
        report = await self.publisher.getStats()
        return [one for one in report.values() if one.type == "inbound-rtp"]

    def _on_channel(self, channel: Any) -> None:
        channel.on("message", lambda data: self.server.forward(self, data))

    async def hear(self, others: "list[tuple[Participant, list[Any]]]") -> None:
        """Offer what others publish, one offer at a time."""
        async with self.one_offer:
            for other, published in others:
                for info, track in published:
                    sender = self.subscriber.addTrack(self.server.relay.subscribe(track))
                    sender._stream_id, sender._track_id = f"{other.sid}|{info.sid}", info.sid
            await self._offer()

    async def _offer(self) -> None:
        self.answered.clear()
        await self.subscriber.setLocalDescription(await self.subscriber.createOffer())
        sdp = self.subscriber.localDescription.sdp
        await self.send(offer=rtc.SessionDescription(type="offer", sdp=sdp))
        async with asyncio.timeout(10):
            await self.answered.wait()

    async def took(self, ask: rtc.SignalRequest) -> None:
        kind = ask.WhichOneof("message")
        if kind == "add_track":
            wanted = ask.add_track
            info = models.TrackInfo(
                sid=f"TR_{self.sid[3:]}{len(self.tracks)}", type=wanted.type, name=wanted.name,
                source=wanted.source, width=wanted.width, height=wanted.height,
                mime_type="audio/opus" if KINDS[wanted.type] == "audio" else "video/vp8",
            )  # fmt: skip
            self.tracks.append(info)
            await self.send(track_published=rtc.TrackPublishedResponse(cid=wanted.cid, track=info))
        elif kind == "offer":
            await self.publisher.setRemoteDescription(RTCSessionDescription(ask.offer.sdp, "offer"))
            await self.publisher.setLocalDescription(await self.publisher.createAnswer())
            sdp = self.publisher.localDescription.sdp
            answer = rtc.SessionDescription(type="answer", sdp=sdp, id=ask.offer.id)
            await self.send(answer=answer)
        elif kind == "answer":
            await self.subscriber.setRemoteDescription(
                RTCSessionDescription(ask.answer.sdp, "answer")
            )
            self.answered.set()
        elif kind == "trickle":
            told = json.loads(ask.trickle.candidateInit)
            line = told.get("candidate", "")
            if line:
                candidate = candidate_from_sdp(line.removeprefix("candidate:"))
                candidate.sdpMid = told.get("sdpMid") or "0"
                mine = self.publisher if ask.trickle.target == 0 else self.subscriber
                if mine.remoteDescription is not None:  # else it shows where it is by itself
                    await mine.addIceCandidate(candidate)
        elif kind in ("ping", "ping_req"):
            await self.send(pong=1)


class StandIn:
    """One room."""

    def __init__(self, key: str, secret: str) -> None:
        self.verifier = api.TokenVerifier(key, secret)
        self.people: list[Participant] = []
        self.relay = MediaRelay()
        self.refused = 0
        self._tasks: list[Any] = []
        self._runner: Any = None
        self.url = ""

    def later(self, work: Any) -> None:
        self._tasks.append(asyncio.ensure_future(work))

    async def start(self) -> "StandIn":
        app = web.Application()
        app.router.add_get("/rtc/v1", self._nothing)
        app.router.add_get("/rtc/v1/validate", self._nothing)
        app.router.add_get("/rtc/validate", self._nothing)
        app.router.add_get("/rtc", self._join)
        self._runner = web.AppRunner(app)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"ws://127.0.0.1:{site._server.sockets[0].getsockname()[1]}"
        return self

    async def _nothing(self, _: web.Request) -> web.Response:
        return web.Response(status=404)

    async def _join(self, request: web.Request) -> web.StreamResponse:
        token = request.query.get("access_token", "")
        token = token or request.headers.get("authorization", "").removeprefix("Bearer ")
        try:
            claims = self.verifier.verify(token)
        except Exception:  # noqa: BLE001 - whatever a bad token raises
            self.refused += 1
            return web.Response(status=401)
        assert claims.video is not None
        ws = web.WebSocketResponse()
        await ws.prepare(request)
        me = Participant(self, ws, claims.identity)
        others = [person.info() for person in self.people]
        self.people.append(me)
        await me.send(
            join=rtc.JoinResponse(
                room=models.Room(sid="RM_1", name=claims.video.room or ""),
                participant=me.info(), other_participants=others, server_version="1.8.0",
                subscriber_primary=True, ping_timeout=30, ping_interval=10,
                server_info=models.ServerInfo(version="1.8.0", protocol=15),
            )
        )  # fmt: skip
        await self._tell(me)
        self.later(self._welcome(me))
        try:
            async for message in ws:
                if message.type == WSMsgType.BINARY:
                    ask = rtc.SignalRequest.FromString(message.data)
                    if ask.WhichOneof("message") == "leave":
                        break
                    await me.took(ask)
        finally:
            await self._left(me)
        return ws

    async def _welcome(self, me: Participant) -> None:
        """What the others publish; without any, an offer that only opens the way."""
        others = [other for other in self.people if other is not me]
        await me.hear([(other, list(other.published)) for other in others])

    async def share(self, who: Participant, published: list[Any]) -> None:
        await self._tell(who)
        for other in self.people:
            if other is not who:
                await other.hear([(who, published)])

    async def _tell(self, about: Participant, info: Any = None) -> None:
        update = rtc.ParticipantUpdate(participants=[info or about.info()])
        for other in self.people:
            if other is not about:
                await other.send(update=update)

    def forward(self, who: Participant, data: bytes) -> None:
        packet = models.DataPacket.FromString(data)
        packet.participant_identity, packet.user.participant_identity = who.identity, who.identity
        packet.user.participant_sid = packet.participant_sid = who.sid
        for other in self.people:
            if other is not who and other.channel.readyState == "open":
                other.channel.send(packet.SerializeToString())

    async def _left(self, who: Participant) -> None:
        self.people.remove(who)
        gone = who.info()
        gone.state = models.ParticipantInfo.DISCONNECTED
        await self._tell(who, gone)
        await who.publisher.close()
        await who.subscriber.close()

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await self._runner.cleanup()
