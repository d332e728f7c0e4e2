"""How much sound people may leave here: voice notes, and calls recorded with everyone's consent."""

from msgspec import Struct


class RecordingSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Kept sound.

    notes: whether voice notes may be sent.
    note_seconds: the longest voice note.
    note_bytes: the largest file of one, as it is sent.
    kept_bytes: how much sound of one person is kept in all; beyond it, older ones must be deleted first.
    kept_count: how many recordings of one person are kept.
    opening: how many files are opened at the same time, each in a process of its own.
    opening_seconds: how long opening one may take.
    calls: whether calls may be recorded, when everybody in the room agrees.
    call_seconds: the longest recording of a call; what follows is not recorded, and that is said.
    call_part_seconds: how much of a recording is kept at a time; a crash costs no more than that.
    call_bits_per_second: how finely the two sides of a recorded call are encoded.
    call_days: recordings of calls are erased after so many days; 0 keeps them until they are deleted.
    """  # noqa: E501

    notes: bool = True
    note_seconds: int = 300
    note_bytes: int = 10_485_760
    kept_bytes: int = 524_288_000
    kept_count: int = 2_000
    opening: int = 2
    opening_seconds: float = 20.0
    calls: bool = True
    call_seconds: int = 7_200
    call_part_seconds: float = 5.0
    call_bits_per_second: int = 40_000
    call_days: int = 90
