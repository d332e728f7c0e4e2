"""Forms with files: what clients send is read, what is no form is refused."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rooms.errors import BadRequest
from server.rest.multipart import FIELD_BYTES_MAX, PARTS_MAX, boundary_of, read_form


def form(*parts: tuple[str, bytes], boundary: bytes = b"xyz") -> bytes:
    """A body as browsers and clients write it."""
    body = b"".join(
        b"--" + boundary + b"\r\nContent-Disposition: form-data; " + head.encode() + b"\r\n\r\n"
        + content + b"\r\n"
        for head, content in parts
    )  # fmt: skip
    return body + b"--" + boundary + b"--\r\n"


def test_fields_and_files_are_told_apart() -> None:
    found = read_form(
        form(('name="model"', b"kindred"), ('name="file"; filename="a b.wav"', b"RIFF\r\n--xy")),
        b"xyz",
    )
    assert found.fields == {"model": "kindred"}
    assert found.files["file"].name == "a b.wav"
    assert found.files["file"].data == b"RIFF\r\n--xy"


@given(st.binary(max_size=300))
def test_any_bytes_come_through_whole(data: bytes) -> None:
    boundary = b"0123456789abcdef-boundary"
    body = form(('name="file"; filename="x"', data), boundary=boundary)
    assert read_form(body, boundary).files["file"].data == data


@given(st.binary(max_size=200))
def test_what_is_no_form_is_refused(body: bytes) -> None:
    with pytest.raises(BadRequest):
        read_form(body, b"boundary-that-is-not-there")


@given(st.binary(max_size=200))
def test_odd_parts_are_refused_or_read(middle: bytes) -> None:
    with contextlib.suppress(BadRequest):
        found = read_form(b"--xyz" + middle + b"\r\n--xyz--", b"xyz")
        assert len(found.fields) + len(found.files) <= PARTS_MAX


@pytest.mark.parametrize(
    "body",
    [
        form(('name="model"', b"kindred"))[:-6],
        form(("nothing", b"x")),
        form(('name="model"', b"\xff")),
        form(('name="model"', b"x" * (FIELD_BYTES_MAX + 1))),
        form(*[('name="model"', b"x")] * (PARTS_MAX + 1)),
    ],
)
def test_forms_that_are_cut_nameless_or_too_large_are_refused(body: bytes) -> None:
    with pytest.raises(BadRequest):
        read_form(body, b"xyz")


@pytest.mark.parametrize(
    ("kind", "boundary"),
    [
        ("multipart/form-data; boundary=abc", b"abc"),
        ('multipart/form-data; charset=utf-8; boundary="a c"', b"a c"),
    ],
)
def test_the_boundary_is_found(kind: str, boundary: bytes) -> None:
    assert boundary_of(kind) == boundary


@pytest.mark.parametrize(
    "kind", ["", "application/json", "multipart/form-data", "text/x; boundary=a"]
)
def test_without_a_boundary_it_is_no_form(kind: str) -> None:
    with pytest.raises(BadRequest):
        boundary_of(kind)
