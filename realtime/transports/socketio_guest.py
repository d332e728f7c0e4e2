"""One engine.io session as a `Peer` (realtime/socket.py): frames to packets, callbacks to ids.

Writing only puts packets into the session's own outlet, which is counted: nobody waits for a
peer here, and a slow one shows as `paused`.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final

import msgspec
from engineio.async_socket import AsyncSocket
from engineio.packet import CLOSE, MESSAGE, NOOP, Packet
from socketio.exceptions import ConnectionRefusedError as Refused

from realtime.socket import Socket
from realtime.transports import socketio_packets as packets
from storage.ids import new_id

if TYPE_CHECKING:
    from realtime.service import Realtime

CLOSE_SECONDS: Final = 2.0
PING: Final = b'{"type":"ping"}'
_opens: Final = frozenset({"ready", "resumed", "resync"})
_Outlet = asyncio.Queue[Packet | None]


class Outlet(_Outlet):
    """What waits for the library's writer, counted; `taken` hears whenever something left."""

    def __init__(self) -> None:
        super().__init__()
        self.waiting_bytes = 0
        self._batch = 0
        self.taken: Callable[[], None] | None = None

    async def get(self) -> Packet | None:
        """The first of a batch."""
        self._batch = 0
        return await super().get()

    def get_nowait(self) -> Packet | None:
        """One more, as long as a client of the library's own takes so many in one poll."""
        if self._batch >= packets.PACKETS_MAX:
            raise asyncio.QueueEmpty
        self._batch += 1
        return super().get_nowait()

    def _put(self, item: Packet | None) -> None:
        super()._put(item)  # asyncio names these hooks for subclasses
        self.waiting_bytes += _size(item)

    def _get(self) -> Packet | None:
        item: Packet | None = super()._get()
        self.waiting_bytes -= _size(item)
        if self.taken is not None:
            self.taken()
        return item


def _size(item: Packet | None) -> int:
    data = item.data if item is not None else None
    return len(data) if isinstance(data, str | bytes) else 0


class Guest:
    """`came` in, `sign_in`, `enter` once the library has said so, events; then `lost`."""

    def __init__(self, node: "Realtime", line: AsyncSocket) -> None:
        """`line` is the library's session; its queue is an `Outlet`."""
        self.paused = True  # until the library has let us in
        self.socket = Socket(node, self, "json", "socketio")
        self.abort: Callable[[], None] | None = None  # cut a WebSocket that takes nothing
        self.attachments = 0  # binary packets still to come, to be thrown away
        self.entered = False
        self.polling = False  # a poll waits
        self._node = node
        self._line = line
        self._outlet: Outlet = line.queue
        self._early: list[str] = []  # hello and the answer to the sign-in
        self._answer: asyncio.Future[dict[str, Any]] | None = None
        self._signed_in = False
        self._callbacks: dict[str, deque[int]] = {}
        self._asking: int | None = None  # the callback of the frame being received
        self._beating = False
        self._closing = False
        self._hung_up = False
        self._outlet.taken = self._taken

    # --- what Kindred sends

    def write(self, payloads: Sequence[bytes]) -> None:
        """Hand frames over."""
        for frame in payloads:
            packet = self._packet(frame)
            if packet is None or self._closing:
                continue
            if self.entered:
                self._outlet.put_nowait(Packet(MESSAGE, data=packet))
            else:
                self._early.append(packet)
        if self.entered and not self.paused and self._full:
            self.paused = True
            self.socket.stuck()

    @property
    def _full(self) -> bool:
        return self._outlet.waiting_bytes > self._node.settings.transport_bytes

    def _packet(self, frame: bytes) -> str | None:
        kind = packets.kind_of(frame)
        if kind == "pong" and self._beating:
            return None  # engine.io's heartbeat asks for no answer
        if kind in ("ack", "error"):
            return self._answered(kind, frame)
        if kind == "pong" and self._asking is not None:
            number, self._asking = self._asking, None
            return packets.ack(number, frame)
        if kind in _opens and self._answer is not None and not self._answer.done():
            self._signed_in = True
            self._answer.set_result({})
        return packets.event(frame)

    def _answered(self, kind: str, frame: bytes) -> str | None:
        said: dict[str, Any] = msgspec.json.decode(frame)
        command_id: str | None = said.get("id")
        if self._answer is not None and not self._answer.done() and kind == "error":
            self._answer.set_result(said)
            return None
        waiting = self._callbacks.get(command_id or "")
        if command_id is not None and waiting:
            number = waiting.popleft()
            if not waiting:
                del self._callbacks[command_id]
            if number == self._asking:
                self._asking = None
            return packets.ack(number, frame)
        if command_id is None and self._asking is not None:
            number, self._asking = self._asking, None
            return packets.ack(number, frame)
        return packets.event(frame)

    def _taken(self) -> None:
        """Something left. Not at once: the library empties the outlet in one go."""
        if self.paused and self.entered and not self._closing:
            quarter = self._node.settings.transport_bytes // 4
            if self._outlet.waiting_bytes <= quarter:
                self.paused = False
                asyncio.get_running_loop().call_soon(self._writable)

    def _writable(self) -> None:
        if not self.paused and not self._closing:
            self.socket.writable()

    # --- the end

    def close(self, code: int, reason: str) -> None:
        """Say why, in order behind what waits; a peer that takes nothing is cut soon after."""
        if self._closing:
            return
        self._closing = True
        put = self._outlet.put_nowait
        if self._answer is not None and not self._answer.done():
            self._answer.set_result(packets.closed(code, reason))  # `sign_in` says it
        elif self.entered:
            put(Packet(MESSAGE, data=packets.goodbye(code, reason)))
            if packets.is_final(code):
                put(Packet(MESSAGE, data=packets.DISCONNECT))
            self._hang_up(code)
        else:
            put(Packet(MESSAGE, data=packets.no_entry(code, reason)))
            self._hang_up(code)
        self._node.spawn(self._leave(code))

    def _hang_up(self, code: int) -> None:
        """End the transport. engine.io's own goodbye means `stay away` to some clients."""
        if not self._hung_up:
            self._hung_up = True
            if packets.is_final(code):
                self._outlet.put_nowait(Packet(CLOSE))
            if self._line.upgraded:
                self._outlet.put_nowait(None)

    async def _leave(self, code: int) -> None:
        await asyncio.sleep(0)  # a refused sign-in is told first
        self._hang_up(code)
        abort, later = self.abort, CLOSE_SECONDS
        try:
            async with asyncio.timeout(CLOSE_SECONDS):
                await self._outlet.join()
        except TimeoutError:
            later = 0.0
        await self.forget()
        if abort is not None:
            asyncio.get_running_loop().call_later(later, abort)

    async def forget(self) -> None:
        """Have the library end its session, if it has not; it says so by `lost`."""
        await self._line.close(wait=False, abort=True)

    def lost(self) -> None:
        """The engine.io session is over."""
        self._closing = True
        self._outlet.taken = None
        if self.polling:
            self._outlet.put_nowait(Packet(NOOP))  # ends the poll that waits
        self._callbacks.clear()
        if self._answer is not None and not self._answer.done():
            self._answer.set_result({"message": "gone", "code": "closed"})
        self.socket.lost()

    # --- what the client sends

    def beat(self) -> None:
        """engine.io's heartbeat is ours: it shows life, and counts against the rate."""
        self._beating = True
        self.socket.received(PING)
        self._beating = False

    async def sign_in(self, auth: object) -> None:
        """Take the connect packet's payload. Raises the library's refusal, with typed data."""
        if self._answer is not None and (self._signed_in or not self._answer.done()):
            raise Refused("This connection is signed in.", {"code": "already_signed_in"})
        self._answer = asyncio.get_running_loop().create_future()
        self.socket.received(packets.sign_in(auth))
        said = await self._answer
        if said:
            data = {name: value for name, value in said.items() if name not in ("type", "id")}
            raise Refused(said["message"], data)

    def enter(self) -> None:
        """The library has told the client that it is in; now comes what waited for that."""
        if self.entered or not self._signed_in or self._closing:
            return
        self.entered = True
        for packet in self._early:
            self._outlet.put_nowait(Packet(MESSAGE, data=packet))
        self._early.clear()
        self.paused = False
        self.socket.writable()

    @property
    def is_over_websocket(self) -> bool:
        """Whether its connection is a WebSocket, from the start or by an upgrade."""
        return bool(self._line.upgraded)

    @property
    def has_websocket(self) -> bool:
        """Whether there is one, or one is being tried."""
        return bool(self._line.upgraded or self._line.upgrading)

    def asked(self, data: Sequence[Any], number: int | None) -> None:
        """An event, with its callback's number if it has one."""
        if self._closing:
            return
        frame, command_id = packets.command(data, new_id("c"), answered=number is not None)
        if number is not None and command_id is not None and data[0] != "ping":
            self._callbacks.setdefault(command_id, deque()).append(number)
        self._asking = number
        self.socket.received(frame)
        self._asking = None

    def binary(self, number: int | None, attachments: int) -> None:
        """An event with binary in it: refused once, and its attachments are thrown away."""
        self.attachments = attachments
        self._asking = number
        self.socket.received_binary(b"")
        self._asking = None
