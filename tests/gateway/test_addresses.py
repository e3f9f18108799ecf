from __future__ import annotations

import pytest

from rag_site.addresses import client_address, counted_by


@pytest.mark.parametrize(
    ("peer", "forwarded", "trusted", "expected"),
    [
        ("1.1.1.1", "", [], "1.1.1.1"),
        ("1.1.1.1", "2.2.2.2", [], "1.1.1.1"),
        ("10.0.0.1", "2.2.2.2", ["10.0.0.1"], "2.2.2.2"),
        ("10.0.0.1", "9.9.9.9, 2.2.2.2", ["10.0.0.1"], "2.2.2.2"),
        ("10.0.0.1", "2.2.2.2, 10.0.0.2", ["10.0.0.0/24"], "2.2.2.2"),
        ("10.0.0.1", "nonsense", ["10.0.0.1"], "10.0.0.1"),
        ("10.0.0.1", "2.2.2.2, nonsense", ["10.0.0.1"], "10.0.0.1"),
        ("::1", "2001:db8::1", ["::1"], "2001:db8::1"),
        ("", "2.2.2.2", ["10.0.0.1"], ""),
        ("testclient", "2.2.2.2", [], ""),
    ],
)
def test_only_trusted_hops_are_believed(
    peer: str, forwarded: str, trusted: list[str], expected: str
) -> None:
    assert client_address(peer, forwarded, trusted) == expected


@pytest.mark.parametrize(
    ("address", "counted"),
    [
        ("192.168.1.1", "192.168.1.1"),
        ("2001:db8:0:1:2:3:4:5", "2001:db8:0:1::/64"),
        ("2001:db8:0:1::9", "2001:db8:0:1::/64"),
        ("::ffff:10.0.0.1", "10.0.0.1"),
        ("", ""),
    ],
)
def test_an_address_of_ipv6_is_counted_with_its_neighbours(
    address: str, counted: str
) -> None:
    assert counted_by(address) == counted
