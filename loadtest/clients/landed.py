"""When each packet of sound came: what a caller's jitter buffer adds is no doing of the house's.

aiortc gives sound out some packets after it came, decoded and resampled; a frame's stamp leads back
to its packet. Only the last seconds are kept.
"""

import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, Final

from aiortc.rtcrtpreceiver import RTCRtpReceiver

KEPT_PACKETS: Final = 512  # ten seconds
_STAMPS: Final = 2**32


class Landed:
    """One receiver's packets."""

    def __init__(
        self, receiver: RTCRtpReceiver, clock: Callable[[], float] = time.perf_counter
    ) -> None:
        self._receiver: Any = receiver
        self._clock = clock
        self._at: OrderedDict[int, float] = OrderedDict()
        self._next = self._receiver._handle_rtp_packet
        vars(receiver).update(_handle_rtp_packet=self._on_rtp)

    def at(self, pts: int | None) -> float | None:
        """When the packet of a decoded frame came; None where it is not known any more."""
        begin = self._receiver._RTCRtpReceiver__timestamp_mapper._origin
        if pts is None or begin is None:
            return None
        return self._at.get((begin + pts) % _STAMPS)

    async def _on_rtp(self, packet: Any, arrival_time_ms: int) -> None:
        self._at.setdefault(packet.timestamp, self._clock())
        if len(self._at) > KEPT_PACKETS:
            self._at.popitem(last=False)
        await self._next(packet, arrival_time_ms)
