"""What sockets are counted by: plain numbers, written where the thing happens, without any id."""

from collections import Counter


class SocketTally:
    """One per node. The keys of each Counter are a few fixed words."""

    __slots__ = (
        "closed",
        "frames_in",
        "frames_out",
        "hushed",
        "merged",
        "opened",
        "resumes",
        "sign_ins",
        "unsent",
    )

    def __init__(self) -> None:
        self.opened: Counter[str] = Counter()  # by transport
        self.closed: Counter[int] = Counter()  # by code, as far as we closed
        self.sign_ins: Counter[str] = Counter()  # accepted, refused
        self.resumes: Counter[str] = Counter()  # resumed, or why not
        self.frames_in = 0
        self.frames_out = 0
        self.merged = 0  # deltas that joined the one before them
        self.hushed = 0  # ephemeral things that a later one made pointless, or too many pushed out
        self.unsent = 0  # entries that still waited when their socket ended
