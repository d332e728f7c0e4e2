"""What a sender's stamps mean: its reports pair them with its clock, and so does a caller's phone.

aiortc keeps reports to itself, so its receivers are listened in on, one by one.
"""

from bisect import bisect_right
from typing import Any, Final

from aiortc.rtcrtpreceiver import RTCRtpReceiver
from aiortc.rtp import RtcpSrPacket

RATES: Final = {"audio": 48_000, "video": 90_000}
MOST_REPORTS: Final = 64
_NTP_UNIX: Final = 2_208_988_800


class Stamps:
    """One receiver's. `bytes_in`: of the packets that came."""

    def __init__(self, receiver: RTCRtpReceiver) -> None:
        self.bytes_in = 0
        self._receiver: Any = receiver
        self._rate = RATES[self._of("kind")]
        self._reports: list[tuple[int, float]] = []
        self._rtp, self._rtcp = (
            self._receiver._handle_rtp_packet,
            self._receiver._handle_rtcp_packet,
        )
        vars(receiver).update(_handle_rtp_packet=self._on_rtp, _handle_rtcp_packet=self._on_rtcp)

    def seconds(self, stamp: int) -> float | None:
        """When a decoded frame's stamp is to be seen or heard; None before the first report."""
        if not self._reports:
            return None
        place = bisect_right(self._reports, stamp, key=lambda report: report[0])
        known, sent = self._reports[max(0, place - 1)]
        return sent + (stamp - known) / self._rate

    def _of(self, name: str) -> Any:
        return getattr(self._receiver, f"_RTCRtpReceiver__{name}")

    async def _on_rtp(self, packet: Any, arrival_time_ms: int) -> None:
        self.bytes_in += len(packet.payload)
        await self._rtp(packet, arrival_time_ms)

    async def _on_rtcp(self, packet: Any) -> None:
        begin = self._of("timestamp_mapper")._origin  # decoded frames count from the first one
        if isinstance(packet, RtcpSrPacket) and begin is not None:
            info = packet.sender_info
            if info.ntp_timestamp:
                stamp = _nearest(info.rtp_timestamp - begin, self._last())
                self._reports.append((stamp, info.ntp_timestamp / 2**32 - _NTP_UNIX))
                del self._reports[:-MOST_REPORTS]
        await self._rtcp(packet)

    def _last(self) -> int:
        return self._reports[-1][0] if self._reports else 0


def _nearest(stamp: int, last: int) -> int:
    """Stamps wrap around at 32 bits: of all it may be, the one nearest to the last."""
    return last + (stamp - last + 2**31) % 2**32 - 2**31
