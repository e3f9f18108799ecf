"""Where a request comes from (a leaf)."""

from __future__ import annotations

import contextvars
import ipaddress
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

_address: contextvars.ContextVar[str] = contextvars.ContextVar("address", default="")


def current_address() -> str:
    """Return the client's address of the request at work, "" outside of one."""
    return _address.get()


def counted_by(address: str) -> str:
    """Return what failures from ``address`` are counted under.

    Of IPv6 that is the network of 64 bits, which one customer has to himself: by single
    addresses he would never be counted twice.
    """
    if not _is_address(address):
        return address
    known = ipaddress.ip_address(address)
    if isinstance(known, ipaddress.IPv4Address):
        return address
    if known.ipv4_mapped:
        return str(known.ipv4_mapped)
    return str(ipaddress.ip_network((int(known), 64), strict=False))


@contextmanager
def addressed(address: str) -> Iterator[None]:
    """Carry ``address`` for audit and limits inside the block."""
    token = _address.set(address)
    try:
        yield
    finally:
        _address.reset(token)


def client_address(peer: str, forwarded: str, trusted: Iterable[str]) -> str:
    """Return the address nearest to us that is no trusted proxy.

    X-Forwarded-For is read from the right, and only while the hop that wrote
    the entry is trusted: everything further left is the client's own claim.

    Args:
        peer: address of the connection.
        forwarded: the X-Forwarded-For header, "" if absent.
        trusted: addresses or networks of proxies.
    """
    networks = [ipaddress.ip_network(item, strict=False) for item in trusted]
    nearest = peer
    for claimed in reversed([part.strip() for part in forwarded.split(",")]):
        if not _is_in(nearest, networks) or not _is_address(claimed):
            break
        nearest = claimed
    return nearest if _is_address(nearest) else ""


def _is_in(
    address: str, networks: list[ipaddress.IPv4Network | ipaddress.IPv6Network]
) -> bool:
    return _is_address(address) and any(
        ipaddress.ip_address(address) in network for network in networks
    )


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
