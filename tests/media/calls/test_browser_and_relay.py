"""A call from headless Chromium, with picture; and one that only a TURN relay lets through.

The browser's microphone plays a file; what comes back is measured by its own statistics.
"""

import asyncio
import shutil
import socket
import subprocess
import time
import wave
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from aioice.ice import get_host_addresses
from aiortc import RTCConfiguration, RTCIceServer, RTCPeerConnection
from aiortc.rtcconfiguration import RTCIceTransportPolicy
from av import VideoFrame
from av.video.codeccontext import VideoCodecContext

from config.media import MediaSettings
from media.calls.holding import FaceLink, dial_face, dial_leg
from media.calls.leg import Connected, Heard, LegAddress, LegQuality
from media.calls.wire import Bandwidth, FaceWanted, KeyframeWanted, Picture
from server.calls import CallDoor
from tests.media.calls.clients import Microphone, Person, call, serving
from tests.soon import until

pytestmark = pytest.mark.long

CHROMIUM = "/usr/bin/chromium"
SECRET = "shared with the relay"
PAGE = """<!doctype html><video id=v autoplay muted></video><script>
async function offer(video) {
  const stream = await navigator.mediaDevices.getUserMedia({audio: true});
  window.pc = new RTCPeerConnection({iceServers: [], bundlePolicy: "max-bundle"});
  pc.addTransceiver(stream.getAudioTracks()[0], {direction: "sendrecv"});
  if (video) pc.addTransceiver("video", {direction: "recvonly"});
  window.said = []; window.channel = pc.createDataChannel("events");
  channel.onmessage = (event) => said.push(event.data);
  pc.ontrack = (event) => {  // what is played muted has no energy
    const element = event.track.kind === "video" ? v : new Audio();
    element.srcObject = new MediaStream([event.track]);
    element.play();
  };
  await pc.setLocalDescription(await pc.createOffer());
  await new Promise((done) => {
    if (pc.iceGatheringState === "complete") done();
    pc.onicegatheringstatechange = () => pc.iceGatheringState === "complete" && done();
  });
  return pc.localDescription.sdp;
}
async function stats() {
  const found = {};
  for (const one of (await pc.getStats()).values())
    if (one.type === "inbound-rtp") found[one.kind] = {
      frames: one.framesDecoded, energy: one.totalAudioEnergy, packets: one.packetsReceived,
      concealed: one.concealedSamples, total: one.totalSamplesReceived, width: one.frameWidth };
  return found;
}
</script>"""


def tone(seconds: float, rate: int, hertz: int = 440) -> np.ndarray:
    return (12_000 * np.sin(2 * np.pi * hertz * np.arange(int(seconds * rate)) / rate)).astype(
        "<i2"
    )


class Card:
    """A face that is a card: moving bars, encoded once, with keyframes when they are wanted."""

    def __init__(self, link: FaceLink, codec: str = "libvpx", name: Any = "vp8") -> None:
        self.link, self.name = link, name
        self.wanted: list[Any] = []
        self.key_wanted = True
        self.count = 0
        self.closed = False
        self.encoder: Any = VideoCodecContext.create(codec, "w")
        self.encoder.width = self.encoder.height = 256
        self.encoder.pix_fmt, self.encoder.bit_rate = "yuv420p", 300_000
        self.encoder.options = {"deadline": "realtime", "cpu-used": "8", "lag-in-frames": "0"}
        self.tasks = [asyncio.create_task(self._hear()), asyncio.create_task(self._draw())]

    async def _hear(self) -> None:
        async for one in self.link.told():
            self.wanted.append(one)
            self.key_wanted = self.key_wanted or isinstance(one, KeyframeWanted)

    async def _draw(self) -> None:
        while not self.closed:
            frame = VideoFrame.from_ndarray(self._bars(), format="rgb24").reformat(format="yuv420p")
            frame.pts = self.count
            if self.key_wanted:
                frame.pict_type = 1
            for packet in self.encoder.encode(frame):
                self.link.show(
                    Picture(
                        epoch=0,
                        position=None,
                        play_at_us=time.monotonic_ns() // 1000,
                        key=packet.is_keyframe,
                        codec=self.name,
                        data=bytes(packet),
                    )
                )
                self.key_wanted = self.key_wanted and not packet.is_keyframe
            self.count += 1
            await asyncio.sleep(0.04)

    def _bars(self) -> np.ndarray:
        picture = np.zeros((256, 256, 3), np.uint8)
        picture[:, (self.count * 4) % 256 : (self.count * 4) % 256 + 64, :] = 220
        return picture

    def close(self) -> None:
        self.closed = True
        for task in self.tasks:
            task.cancel()
        self.link.close()


@pytest.fixture
def microphone(tmp_path: Path) -> Path:
    path = tmp_path / "speech.wav"
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(48_000)
        file.writeframes(tone(10, 48_000).tobytes())
    return path


@asynccontextmanager
async def browsing(microphone: Path) -> AsyncIterator[Any]:
    playwright = pytest.importorskip("playwright.async_api")
    arguments = [
        "--no-sandbox", "--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream",
        f"--use-file-for-fake-audio-capture={microphone}",
        "--autoplay-policy=no-user-gesture-required",
    ]  # fmt: skip
    async with playwright.async_playwright() as run:
        browser = await run.chromium.launch(executable_path=CHROMIUM, args=arguments)
        page = await (await browser.new_context()).new_page()
        await page.route(
            "https://kindred.example/",
            lambda route: route.fulfill(body=PAGE, content_type="text/html"),
        )
        await page.goto("https://kindred.example/")
        yield page
        await browser.close()


@pytest.mark.skipif(not Path(CHROMIUM).exists(), reason="no Chromium")
async def test_a_browser_is_heard_hears_and_sees(tmp_path: Path, microphone: Path) -> None:
    async with serving(tmp_path) as (_, control), browsing(microphone) as page:
        offer = await page.evaluate("offer(true)")
        opened = await control.open_leg(offer, "video", ())
        address = LegAddress(
            leg=opened.leg, address=control.address, key=opened.key, transport="webrtc"
        )
        leg = await dial_leg(address)
        await page.evaluate(
            "(sdp) => pc.setRemoteDescription({type: 'answer', sdp})", opened.answer
        )
        heard: list[Heard] = []
        others: list[Any] = []

        async def listen() -> None:
            async for event in leg.events():
                (heard if isinstance(event, Heard) else others).append(event)

        listening = asyncio.create_task(listen())
        await until(lambda: any(isinstance(event, Connected) for event in others))
        card = Card(await dial_face(address))
        leg.play(0, tone(4.0, 24_000).tobytes())
        await until(lambda: len(heard) > 100)
        async with asyncio.timeout(30):
            found = await page.evaluate("stats()")
            while found["video"]["frames"] < 25 or found["audio"]["energy"] < 0.05:
                found = await page.evaluate("stats()")
        assert found["video"]["width"] == 256
        assert card.wanted[0] == FaceWanted(codec="vp8")
        sound = np.frombuffer(b"".join(one.pcm for one in heard[-40:]), "<i2").astype(float)
        spectrum = np.abs(np.fft.rfft(sound))
        assert abs(spectrum[5:].argmax() + 5 - 440 * len(sound) / 16_000) < 5
        leg.tell(b'{"type":"hello"}')
        await page.wait_for_function("said.length === 1")
        await until(lambda: any(isinstance(event, LegQuality) for event in others))
        card.close()
        await leg.aclose("done")
        listening.cancel()


async def test_a_picture_reaches_a_peer_and_what_it_wants_comes_back(tmp_path: Path) -> None:
    async with serving(tmp_path) as (worker, control):
        person = Person(Microphone(), video=True)
        leg = await call(control, person, "video")
        face = Card(await dial_face(leg.address))
        await until(lambda: len(person.pictures) > 10)
        assert (person.pictures[-1].width, person.pictures[-1].height) == (256, 256)
        (carried,) = worker.legs.values()
        face.wanted.clear()
        carried.on_keyframe_wanted()
        carried.on_bandwidth(250_000)
        await until(lambda: KeyframeWanted() in face.wanted)
        assert Bandwidth(bits_per_second=250_000) in face.wanted
        face.close()
        await leg.aclose("done")
        await person.close()


@pytest.fixture
def relay(tmp_path: Path) -> Iterator[tuple[str, int]]:
    """coturn on this host's own address, as docs/guides/calls.md starts it."""
    program = shutil.which("turnserver")
    if program is None:
        pytest.skip("coturn is not installed")
    host = get_host_addresses(use_ipv4=True, use_ipv6=False)[0]
    with socket.create_server((host, 0)) as probe:
        port = probe.getsockname()[1]
    process = subprocess.Popen(
        [
            program, "-n", "--use-auth-secret", f"--static-auth-secret={SECRET}",
            "--realm=kindred", f"--listening-ip={host}", f"--relay-ip={host}",
            f"--listening-port={port}", "--no-cli", "--no-tls", "--no-dtls", "--log-file=stdout",
            f"--pidfile={tmp_path}/turn.pid", f"--userdb={tmp_path}/turn.db",
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd=tmp_path,
    )  # fmt: skip
    yield host, port
    process.terminate()
    process.wait(10)


@pytest.mark.parametrize("transport", ["udp", "tcp"])
async def test_only_a_relay_lets_the_call_through_and_only_with_our_credentials(
    tmp_path: Path, relay: tuple[str, int], transport: str
) -> None:
    url = f"turn:{relay[0]}:{relay[1]}?transport={transport}"
    settings = MediaSettings(turn=[url], turn_secret=SECRET)
    door = CallDoor(settings, None, None)  # type: ignore[arg-type]
    (server,) = door.ice_servers("u_1")
    ice = [RTCIceServer(urls=url, username=server.username, credential=server.credential)]
    only = RTCConfiguration(iceServers=ice, iceTransportPolicy=RTCIceTransportPolicy.RELAY)
    async with serving(tmp_path) as (_, control):
        await listening(relay)
        person = Person(Microphone(tone(30, 48_000).astype(np.int16)), configuration=only)
        offer = await person.offer()
        assert "typ relay" in offer
        assert "typ host" not in offer
        opened = await control.open_leg(offer, "voice", ())
        leg = await dial_leg(
            LegAddress(leg=opened.leg, address=control.address, key=opened.key, transport="webrtc")
        )
        await person.answered(opened.answer)
        leg.play(0, tone(2.0, 24_000).tobytes())
        remote, count = None, 0
        async with asyncio.timeout(25):
            async for event in leg.events():
                remote = event.remote if isinstance(event, Connected) else remote
                count += isinstance(event, Heard)
                if count > 20 and person.sound.any():
                    break
        assert remote == "relay"
        await leg.aclose("done")
        await person.close()


async def listening(relay: tuple[str, int]) -> None:
    async with asyncio.timeout(20):
        while not await answers(relay):  # noqa: ASYNC110
            await asyncio.sleep(0.05)


async def answers(relay: tuple[str, int]) -> bool:
    try:
        _, writer = await asyncio.open_connection(*relay)
    except OSError:
        return False
    writer.close()
    return True


async def test_a_wrong_credential_gets_no_relay(relay: tuple[str, int]) -> None:
    await listening(relay)
    url = f"turn:{relay[0]}:{relay[1]}?transport=udp"
    ice = [RTCIceServer(urls=url, username="9999999999:x", credential="wrong")]
    only = RTCConfiguration(iceServers=ice, iceTransportPolicy=RTCIceTransportPolicy.RELAY)
    pc = RTCPeerConnection(only)
    pc.addTransceiver("audio")
    async with asyncio.timeout(20):
        await pc.setLocalDescription(await pc.createOffer())
    assert "typ relay" not in pc.localDescription.sdp
    await pc.close()
