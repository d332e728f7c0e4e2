"""What a peer offers, looked at before anything is built for it: every refusal has a code.

Pure, and without a WebRTC stack: a gateway checks offers too. Names that only multicast DNS could
resolve (`.local`) are taken out, for waiting on them costs a second and they lead nowhere here.
"""

from typing import Final

from msgspec import Struct

MOST_BYTES: Final = 64_000
MOST_CANDIDATES: Final = 50
MOST_SECTIONS: Final = 8
MOST_LINES: Final = 1_000  # browsers need a third of it; a parser compares many of them in pairs
MOST_CODECS: Final = 100  # of a section


class BadOffer(Exception):
    """`code` is one word for programs, the message a sentence for people."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class Offer(Struct, frozen=True, kw_only=True):
    """An offer that can be answered. `ufrag` names its ICE session; another one is a restart."""

    sdp: str
    ufrag: str
    video: bool


class _Section:
    def __init__(self, line: str) -> None:
        self.kind, _, rest = line.removeprefix("m=").partition(" ")
        words = rest.split()
        self.rejected = not words or words[0] == "0"
        self.lines: list[str] = []

    def has(self, prefix: str) -> bool:
        return any(line.startswith(prefix) for line in self.lines)

    def count(self, prefix: str) -> int:
        return sum(line.startswith(prefix) for line in self.lines)

    def codecs(self) -> set[str]:
        maps = (line.partition(" ")[2] for line in self.lines if line.startswith("a=rtpmap:"))
        return {name.partition("/")[0].strip().lower() for name in maps}


def check_offer(sdp: str, *, video: bool = False) -> Offer:
    """The offer, cleaned. Raises BadOffer."""
    if len(sdp) > MOST_BYTES:
        raise BadOffer("sdp_too_large", f"An offer has at most {MOST_BYTES} characters.")
    lines = [line.rstrip("\r") for line in sdp.split("\n") if line.strip()]
    if not lines or lines[0] != "v=0" or any(len(line) < 2 or line[1] != "=" for line in lines):
        raise BadOffer("sdp_invalid", "This is not SDP.")
    if len(lines) > MOST_LINES:
        raise BadOffer("sdp_too_large", f"An offer has at most {MOST_LINES} lines.")
    candidates = sum(line.startswith("a=candidate:") for line in lines)
    if candidates > MOST_CANDIDATES:
        raise BadOffer(
            "sdp_too_many_candidates", f"An offer has at most {MOST_CANDIDATES} candidates."
        )
    common, sections = _sections(lines)
    _check_sections(sections, video=video)
    for section in sections:
        for needed in ("a=ice-ufrag:", "a=ice-pwd:", "a=fingerprint:"):
            if not section.has(needed) and not any(line.startswith(needed) for line in common):
                raise BadOffer("sdp_invalid", f"The offer lacks a line {needed}")
        if section.kind in ("audio", "video") and not section.has("a=rtcp-mux"):
            raise BadOffer("sdp_invalid", "The offer lacks a line a=rtcp-mux")
    # Without the end of candidates a peer may still be reached by where its packets come from;
    # with it, and none that has an address, aiortc would not even offer addresses of its own.
    kept = [line for line in lines if not _is_local_name(line) and line != "a=end-of-candidates"]
    return Offer(
        sdp="\r\n".join(kept) + "\r\n",
        ufrag=next(_values(kept, "a=ice-ufrag:"), ""),
        video=any(s.kind == "video" and not s.rejected for s in sections),
    )


def _sections(lines: list[str]) -> tuple[list[str], list[_Section]]:
    common: list[str] = []
    sections: list[_Section] = []
    for line in lines:
        if line.startswith("m="):
            sections.append(_Section(line))
        elif sections:
            sections[-1].lines.append(line)
        else:
            common.append(line)
    return common, sections


def _check_sections(sections: list[_Section], *, video: bool) -> None:
    if len(sections) > MOST_SECTIONS:
        raise BadOffer("sdp_too_large", f"An offer has at most {MOST_SECTIONS} sections.")
    if any(section.count("a=rtpmap:") > MOST_CODECS for section in sections):
        raise BadOffer("sdp_too_large", f"A section has at most {MOST_CODECS} codecs.")
    unknown = {section.kind for section in sections} - {"audio", "video", "application"}
    if unknown:
        raise BadOffer("sdp_invalid", "An offer has audio, video and application, nothing else.")
    audio = [s for s in sections if s.kind == "audio" and not s.rejected]
    if not audio:
        raise BadOffer("sdp_no_audio", "A call needs a section of audio.")
    if not any("opus" in section.codecs() for section in audio):
        raise BadOffer("sdp_no_codec", "Sound is spoken in Opus here; the offer has none.")
    shown = [s for s in sections if s.kind == "video" and not s.rejected]
    if video and not shown:
        raise BadOffer("sdp_no_video", "A video call needs a section of video.")
    for section in shown:
        if not section.codecs() & {"vp8", "h264"}:
            raise BadOffer("sdp_no_codec", "Video is VP8 or H.264 here; the offer has neither.")


def trickled(fragment: str, ufrag: str, before: int = 0) -> list[tuple[str, str]]:
    """The candidates of a fragment (RFC 8840) as (mid, candidate), after so many `before`.

    Raises BadOffer, also when there are too many in all: each is a host that is written to.

    Another `ufrag` than the offer's asks for an ICE restart: code `ice_restart`.
    """
    lines = [line.rstrip("\r") for line in fragment.split("\n") if line.strip()]
    if len(fragment) > MOST_BYTES or not all(line[1:2] == "=" for line in lines):
        raise BadOffer("sdp_invalid", "This is no fragment of SDP.")
    if any(value != ufrag for value in _values(lines, "a=ice-ufrag:")):
        raise BadOffer(
            "ice_restart", "Connections are not restarted: make a new offer for the same call."
        )
    found: list[tuple[str, str]] = []
    mid = "0"
    for line in lines:
        if line.startswith("a=mid:"):
            mid = line.removeprefix("a=mid:").strip()
        elif line.startswith("a=candidate:") and not _is_local_name(line):
            found.append((mid, line.removeprefix("a=candidate:")))
    if before + len(found) > MOST_CANDIDATES:
        raise BadOffer("sdp_too_many_candidates", "Too many candidates.")
    return found


def _values(lines: list[str], prefix: str) -> "map[str]":
    return map(str.strip, (line[len(prefix) :] for line in lines if line.startswith(prefix)))


def _is_local_name(line: str) -> bool:
    """Whether a line is a candidate with a name instead of an address."""
    words = line.split() if line.startswith("a=candidate:") else []
    return len(words) > 4 and words[4].lower().endswith(".local")
