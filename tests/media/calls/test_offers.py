"""Every refusal of an offer has its code; a good one loses only the names nobody can resolve."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.calls.offers import (
    MOST_CANDIDATES,
    MOST_CODECS,
    MOST_LINES,
    BadOffer,
    check_offer,
    trickled,
)

HEAD = ["v=0", "o=- 1 1 IN IP4 0.0.0.0", "s=-", "t=0 0", "a=group:BUNDLE 0"]
COMMON = ["a=ice-ufrag:abcd", "a=ice-pwd:0123456789012345678901", "a=fingerprint:sha-256 00"]
AUDIO = [
    "m=audio 9 UDP/TLS/RTP/SAVPF 111", "c=IN IP4 0.0.0.0", "a=mid:0", "a=rtcp-mux",
    "a=rtpmap:111 opus/48000/2", *COMMON,
]  # fmt: skip
VIDEO = [
    "m=video 9 UDP/TLS/RTP/SAVPF 96", "a=mid:1", "a=rtcp-mux", "a=rtpmap:96 VP8/90000", *COMMON,
]  # fmt: skip


def candidate(n: int, address: str = "192.0.2.1") -> str:
    return f"a=candidate:{n} 1 udp 2113937151 {address} {5000 + n} typ host"


def sdp(*lines: str) -> str:
    return "\r\n".join((*HEAD, *lines)) + "\r\n"


def code_of(text: str, *, video: bool = False) -> str:
    with pytest.raises(BadOffer) as refused:
        check_offer(text, video=video)
    return refused.value.code


def test_an_offer_of_more_lines_or_codecs_than_any_browser_sends_is_not_parsed() -> None:
    feedback = ["a=rtcp-fb:* nack"] * MOST_LINES
    assert code_of(sdp(*AUDIO, *feedback)) == "sdp_too_large"
    codecs = ["a=rtpmap:96 VP8/90000"] * (MOST_CODECS + 1)
    assert code_of(sdp(*AUDIO, *VIDEO, *codecs)) == "sdp_too_large"
    assert check_offer(sdp(*AUDIO, *VIDEO, *codecs[2:], *feedback[:500])).video


def test_a_good_offer_is_kept_as_it_is() -> None:
    offer = check_offer(sdp(*AUDIO, candidate(1), *VIDEO), video=True)
    assert offer.sdp == sdp(*AUDIO, candidate(1), *VIDEO)
    assert (offer.ufrag, offer.video) == ("abcd", True)


def test_candidates_with_local_names_are_taken_out() -> None:
    name = "0c5b-1e2f.local"
    offer = check_offer(sdp(*AUDIO, candidate(1, name), candidate(2)))
    assert name not in offer.sdp
    assert candidate(2) in offer.sdp
    only = check_offer(sdp(*AUDIO, candidate(1, name), "a=end-of-candidates")).sdp
    assert "candidate" not in only  # so that it may still be found by where its packets come from


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "sdp_invalid"),
        ("hello", "sdp_invalid"),
        ('{"type":"offer"}', "sdp_invalid"),
        (sdp(), "sdp_no_audio"),
        (sdp(*VIDEO), "sdp_no_audio"),
        (sdp(*["m=audio 0 UDP/TLS/RTP/SAVPF 111", *AUDIO[1:]]), "sdp_no_audio"),
        (sdp(*AUDIO).replace("opus", "speex"), "sdp_no_codec"),
        (sdp(*AUDIO, *VIDEO).replace("VP8", "AV9"), "sdp_no_codec"),
        (sdp(*AUDIO).replace("a=rtcp-mux\r\n", ""), "sdp_invalid"),
        (sdp(*AUDIO).replace("a=ice-ufrag", "a=ice-other"), "sdp_invalid"),
        (sdp(*AUDIO).replace("a=fingerprint", "a=thumb"), "sdp_invalid"),
        (sdp(*AUDIO, "m=fax 9 x 1"), "sdp_invalid"),
        (sdp(*AUDIO * 9), "sdp_too_large"),
        (sdp(*AUDIO, "a=" + "x" * 70_000), "sdp_too_large"),
        (sdp(*AUDIO, *map(candidate, range(100))), "sdp_too_many_candidates"),
    ],
)
def test_every_refusal_has_its_code(text: str, code: str) -> None:
    assert code_of(text) == code


def test_a_video_call_needs_video() -> None:
    assert code_of(sdp(*AUDIO), video=True) == "sdp_no_video"


@given(st.text(max_size=300))
def test_no_text_whatever_breaks_it(text: str) -> None:
    for tried in (text, sdp(*AUDIO, text), sdp(text, *AUDIO)):
        with contextlib.suppress(BadOffer):
            assert check_offer(tried).sdp.startswith("v=0")


def test_further_candidates_come_with_their_section() -> None:
    fragment = "a=ice-ufrag:abcd\r\nm=audio 9 x 0\r\na=mid:0\r\n" + candidate(3) + "\r\n"
    assert trickled(fragment, "abcd") == [("0", candidate(3).removeprefix("a=candidate:"))]
    assert trickled(candidate(3, "x.local"), "abcd") == []


def test_a_restart_and_nonsense_are_told_apart() -> None:
    for fragment, code in (
        ("a=ice-ufrag:other\r\n", "ice_restart"),
        ("hello", "sdp_invalid"),
        ("\r\n".join(candidate(n) for n in range(MOST_CANDIDATES + 1)), "sdp_too_many_candidates"),
    ):
        with pytest.raises(BadOffer) as refused:
            trickled(fragment, "abcd")
        assert refused.value.code == code
