"""Whom a run may load: this machine, a host named on purpose, and nobody by mistake."""

import ipaddress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loadtest.targets import Target, TargetRefused, check, source_of


def names(**known: list[str]) -> object:
    def lookup(host: str, port: int) -> list[str]:
        if host not in known:
            raise OSError("no such name")
        return known[host]

    return lookup


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:8000", "ws://127.3.4.5", "http://[::1]:8000", "http://localhost:1"]
)
def test_this_machine_is_loaded(url: str) -> None:
    target = check(url)
    assert ipaddress.ip_address(target.address).is_loopback


def test_a_public_host_is_refused_and_told_how() -> None:
    for url in ("http://93.184.216.34", "https://[2606:2800:220:1::1]/", "http://10.0.0.7:8000"):
        with pytest.raises(TargetRefused, match="--i-may-load"):
            check(url)
    with pytest.raises(TargetRefused, match=r"--i-may-load shop\.example"):
        check("https://shop.example", [], names(**{"shop.example": ["93.184.216.34"]}))


def test_a_name_that_is_partly_this_machine_is_refused() -> None:
    lookup = names(both=["127.0.0.1", "93.184.216.34"])
    with pytest.raises(TargetRefused, match=r"93\.184\.216\.34"):
        check("http://both", [], lookup)


def test_the_host_must_be_named_exactly() -> None:
    lookup = names(**{"mine.example": ["93.184.216.34"], "yours.example": ["93.184.216.35"]})
    assert check("https://mine.example", ["Mine.example"], lookup) == Target(
        host="mine.example", port=443, address="93.184.216.34", tls=True
    )
    for other in ("yours.example", "example", "mine.example.org", "*", "93.184.216.34"):
        with pytest.raises(TargetRefused):
            check("https://mine.example", [other], lookup)


def test_a_name_that_stands_for_nothing_is_refused() -> None:
    with pytest.raises(TargetRefused, match="stands for no address"):
        check("http://nowhere.example", ["nowhere.example"], names())
    with pytest.raises(TargetRefused, match="stands for no address"):
        check("http://nowhere.example", [], names(**{"nowhere.example": []}))
    with pytest.raises(TargetRefused, match="stands for no address"):
        check("http://kindred-test.invalid")  # RFC 6761: never resolves


@pytest.mark.parametrize("url", ["", "127.0.0.1:8000", "ftp://127.0.0.1", "http://", "http://x:y"])
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(TargetRefused, match="no address of a server"):
        check(url)


@settings(deadline=None)
@given(st.integers(0, 10**7))
def test_a_crowd_comes_from_many_addresses_of_this_machine(number: int) -> None:
    local = check("http://127.0.0.1:8000")
    source = source_of(local, number, 10**9)
    assert source is not None
    address = ipaddress.ip_address(source)
    assert address.is_loopback
    assert address not in (ipaddress.ip_address("127.0.0.1"), ipaddress.ip_address(local.address))
    assert source_of(local, number, 5) == source_of(local, number + 5, 5)
    assert source_of(local, number, 1) is None


def test_elsewhere_the_system_chooses_the_source() -> None:
    assert source_of(Target(host="x", port=1, address="93.184.216.34"), 3, 100) is None
    assert source_of(check("http://[::1]:8000"), 3, 100) is None
