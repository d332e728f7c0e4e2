"""Bounds what a peer may make us keep of data channel messages that are not whole yet.

aiortc keeps every piece of a message until its last one, however many there are, and walks over all
of them with each that comes: one long message would stop the sound of everybody in the process.
"""

from typing import Any, Final

import structlog
from aiortc.rtcsctptransport import RTCSctpTransport

logger = structlog.get_logger(__name__)
MOST_PIECES: Final = 1_000  # that wait for others: walked over with each that comes
MOST_STREAMS: Final = 16


def keep_small(sctp: RTCSctpTransport) -> None:
    """Who sends more than that loses their data channel; their call goes on without."""
    taken = sctp._receive_data_chunk

    async def checked(chunk: Any) -> None:
        await taken(chunk)
        if _too_much(sctp, chunk.stream_id):
            logger.info("a data channel was closed: too much of it was not whole")
            await sctp.stop()

    vars(sctp)["_receive_data_chunk"] = checked


def _too_much(sctp: RTCSctpTransport, stream: int) -> bool:
    streams = sctp._inbound_streams
    pieces = len(streams[stream].reassembly) if stream in streams else 0
    waiting = max(pieces, len(sctp._sack_misordered), len(sctp._sack_duplicates))
    if waiting > MOST_PIECES or max(len(streams), len(sctp._data_channels)) > MOST_STREAMS:
        return True
    return sctp._advertised_rwnd < 0  # a mebibyte; who heeds what is told never gets there
