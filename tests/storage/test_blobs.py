"""Sealed files: what was put comes back, in whole or in part; what was touched does not open."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.blobs import PIECE_BYTES, BlobDamaged, BlobMissing, FileBlobs

KEY = bytes(range(32))
SOME = os.urandom(PIECE_BYTES * 2 + 777)


@pytest.fixture
def blobs(tmp_path: Path) -> FileBlobs:
    return FileBlobs(tmp_path / "recordings", KEY)


def file_of(blobs: FileBlobs, address: str) -> Path:
    return blobs._path(address)  # the file itself is what these tests are about


@pytest.mark.parametrize("size", [0, 1, PIECE_BYTES - 1, PIECE_BYTES, PIECE_BYTES + 1, len(SOME)])
def test_what_was_put_comes_back(blobs: FileBlobs, size: int) -> None:
    address = blobs.put("u_1", SOME[:size])
    assert blobs.size(address) == size
    assert blobs.read(address) == SOME[:size]


@given(start=st.integers(0, len(SOME) + 5), length=st.integers(0, len(SOME)))
def test_a_part_is_that_part(
    tmp_path_factory: pytest.TempPathFactory, start: int, length: int
) -> None:
    blobs = FileBlobs(tmp_path_factory.getbasetemp() / "parts", KEY)
    address = blobs.put("u_1", SOME)
    assert blobs.read(address, start, start + length) == SOME[start : start + length]


def test_nothing_of_it_can_be_read_in_the_folder(blobs: FileBlobs) -> None:
    words = b"my most secret words, said out loud. " * 100
    address = blobs.put("u_1", words)
    path = file_of(blobs, address)
    assert b"secret" not in path.read_bytes()
    assert path.stat().st_mode & 0o077 == 0
    other = FileBlobs(path.parents[1], bytes(32))
    with pytest.raises(BlobDamaged):
        other.read(address)


def test_the_same_bytes_are_kept_once_for_one_person_and_apart_for_two(blobs: FileBlobs) -> None:
    first = blobs.put("u_1", SOME)
    assert blobs.put("u_1", SOME) == first
    second = blobs.put("u_2", SOME)
    assert second != first  # nobody learns that another has the same
    assert blobs.erase(first)
    assert blobs.read(second) == SOME


@pytest.mark.parametrize("at", [0, 5, 13, 30, -1, PIECE_BYTES + 40])
def test_a_changed_byte_is_noticed(blobs: FileBlobs, at: int) -> None:
    address = blobs.put("u_1", SOME)
    data = bytearray(file_of(blobs, address).read_bytes())
    data[at] ^= 1
    file_of(blobs, address).write_bytes(bytes(data))
    with pytest.raises(BlobDamaged):
        blobs.read(address)


def test_pieces_cannot_be_swapped_cut_off_or_taken_from_another(blobs: FileBlobs) -> None:
    address, other = blobs.put("u_1", SOME), blobs.put("u_1", SOME[::-1])
    path = file_of(blobs, address)
    whole, head, sealed = path.read_bytes(), 20, PIECE_BYTES + 16
    first, second = whole[head : head + sealed], whole[head + sealed : head + 2 * sealed]
    for forged in (
        whole[:head] + second + first + whole[head + 2 * sealed :],
        whole[: head + sealed],
        whole[:10],
        file_of(blobs, other).read_bytes(),
        b"",
    ):
        path.write_bytes(forged)
        with pytest.raises(BlobDamaged):
            blobs.read(address)


def test_what_is_erased_is_gone(blobs: FileBlobs) -> None:
    address = blobs.put("u_1", SOME)
    assert blobs.erase(address)
    assert not blobs.erase(address)
    with pytest.raises(BlobMissing):
        blobs.read(address)
    with pytest.raises(BlobMissing):
        blobs.size(address)


def test_an_address_is_never_a_way_out_of_the_folder(blobs: FileBlobs) -> None:
    for odd in ("../../etc/passwd", "", "a" * 63, "A" * 64, "/" * 64):
        with pytest.raises(BlobMissing):
            blobs.read(odd)


def test_the_sweep_sees_old_files_and_clears_half_written_ones(blobs: FileBlobs) -> None:
    address = blobs.put("u_1", SOME)
    half = file_of(blobs, address).with_name(f"{address}.abcd.part")
    half.write_bytes(b"half")
    os.utime(half, (1, 1))
    assert list(blobs.addresses(older_than=1_000)) == []
    assert not half.exists()
    os.utime(file_of(blobs, address), (1, 1))
    assert list(blobs.addresses(older_than=1_000)) == [address]
