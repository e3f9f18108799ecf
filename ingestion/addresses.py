"""Which web addresses may be fetched: by their form, and by where they lead. Pure.

Two gates. ``checked_url`` refuses every form that two programs could read in
two ways. ``check_address`` judges the number that the name resolved to, and the
connection is then made to that very number.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from urllib.parse import SplitResult, quote, urlsplit

import idna

from ingestion.errors import AddressRefused

Network = IPv4Network | IPv6Network
Address = IPv4Address | IPv6Address

_MAX_URL_CHARS = 2000
_PORTS = {"http": 80, "https": 443}
_HOST = re.compile(
    r"(?=.{1,253}\Z)([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?\.)+[a-z0-9-]{2,63}\Z"
)
_BRACKETS = re.compile(r"\[[0-9a-fA-F:.]+\](:[0-9]*)?\Z")
# A last label like these makes a number of the whole host (WHATWG URL, "ends in
# a number"); 0x7f.1, 017700000001 and 2130706433 are all 127.0.0.1 to some.
_NUMBER = re.compile(r"(0x[0-9a-f]*|[0-9]+)\Z")
# Names of this machine and of networks at home, whatever they resolve to.
_LOCAL = re.compile(
    r"(^|\.)(localhost|local|localdomain|internal|intranet|lan|home|corp|home\.arpa)\Z"
)
# All of IPv6 that is handed out to the public (RFC 4291, IANA registry).
_GLOBAL_V6 = IPv6Network("2000::/3")
# Addresses that carry one of IPv4 inside, and where in their 128 bits it ends.
_NAT64 = IPv6Network("64:ff9b::/96")
_NEVER = tuple(
    ipaddress.ip_network(text)
    for text in (
        "192.0.0.0/24",  # protocol assignments, RFC 6890
        "192.88.99.0/24",  # relays of 6to4, RFC 7526
        "198.18.0.0/15",  # benchmarks, RFC 2544
        "2001::/23",  # protocol assignments, Teredo among them, RFC 2928
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4 leads to any address of IPv4, RFC 3056
        "3fff::/20",  # documentation, RFC 9637
    )
)
# An interface identifier of ISATAP holds an address of IPv4 (RFC 5214).
_ISATAP = {0x00005EFE, 0x02005EFE}
_NOT_PUBLIC = (
    "This address does not lead to a public site, so it is not fetched. "
    "Download the file yourself and add it."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A checked address: ``host`` is lower-case ASCII or the text of a number."""

    scheme: str
    host: str
    port: int
    path: str

    @property
    def shown(self) -> str:
        """Scheme, host and path; the query may hold a secret and is left out."""
        return f"{self.scheme}://{self.host}{self.path.partition('?')[0]}"

    @property
    def authority(self) -> str:
        """The Host header."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"


def checked_url(text: str, *, ports: Sequence[int], hosts: Sequence[str]) -> Target:
    """Return the parts of a web address.

    Args:
        ports: allowed; none means the usual one of the scheme.
        hosts: allowed names, with all below them; empty for any.

    Raises:
        AddressRefused: with what is wrong.
    """
    parts = _split(text.strip(" "))
    if parts.scheme not in _PORTS:
        raise AddressRefused("Use an address that begins with https:// or http://.")
    if "@" in parts.netloc:
        raise AddressRefused("Leave user name and password out of the address.")
    port = _port(parts)
    if port not in (ports or _PORTS.values()):
        allowed = ", ".join(map(str, ports or _PORTS.values()))
        raise AddressRefused(f"Port {port} is not fetched from; allowed: {allowed}.")
    host = _host(parts)
    if hosts and not any(host == one or host.endswith(f".{one}") for one in hosts):
        raise AddressRefused(
            f"{host} is not on the list of sites that this site fetches from."
        )
    path = quote(parts.path or "/", safe="/%:@!$&'()*+,;=~-._")
    query = quote(parts.query, safe="/%:@!$&'()*+,;=~-._?")
    return Target(
        scheme=parts.scheme,
        host=host,
        port=port,
        path=f"{path}?{query}" if query else path,
    )


def check_address(text: str, *, allowed: Sequence[Network] = ()) -> Address:
    """Return the address if it is on the public internet.

    Args:
        text: a number as the resolver gives it.
        allowed: networks that are fetched from although they are not public.

    Raises:
        AddressRefused: the same for every reason, so that nobody can map what
            lies behind this site.
    """
    try:
        address = ipaddress.ip_address(text)
    except ValueError as exc:
        raise AddressRefused(_NOT_PUBLIC) from exc
    if any(address in network for network in allowed):
        return address
    if not _is_public(address):
        raise AddressRefused(_NOT_PUBLIC)
    return address


def _split(text: str) -> SplitResult:
    # urlsplit drops tabs and line ends without a word; others do not.
    is_odd = any(ord(char) <= 0x20 or 0x7F <= ord(char) <= 0xA0 for char in text)
    if not text or is_odd or "\\" in text:
        raise AddressRefused(
            "Type a whole web address without spaces, such as "
            "https://example.org/handbook.pdf."
        )
    if len(text) > _MAX_URL_CHARS:
        raise AddressRefused(f"An address has at most {_MAX_URL_CHARS} characters.")
    try:
        return urlsplit(text)
    except ValueError as exc:
        raise AddressRefused from exc


def _port(parts: SplitResult) -> int:
    try:
        return _PORTS[parts.scheme] if parts.port is None else parts.port
    except ValueError as exc:
        raise AddressRefused("The port in the address is not a number.") from exc


def _host(parts: SplitResult) -> str:
    raw = parts.hostname or ""
    if "%" in raw or ("[" in parts.netloc and not _BRACKETS.match(parts.netloc)):
        raise AddressRefused("The name in the address is not a name.")
    if ":" in raw:
        return str(_number(raw))
    host = _ascii(raw).removesuffix(".")
    if _NUMBER.search(host.rpartition(".")[2]):
        return str(_number(host))
    if not _HOST.match(host) or _LOCAL.search(host):
        raise AddressRefused(_NOT_PUBLIC)
    return host


def _ascii(host: str) -> str:
    """Return the name as the network knows it; look-alike dots and digits included."""
    try:
        return str(idna.encode(host, uts46=True, transitional=False).decode())
    except (idna.IDNAError, UnicodeError) as exc:
        if host.isascii():
            return host.lower()
        raise AddressRefused("The name in the address is not a name.") from exc


def _number(host: str) -> Address:
    """Return a host written as a number, in the one way that has one meaning."""
    try:
        return ipaddress.ip_address(host)
    except ValueError as exc:
        raise AddressRefused(
            "Write a numeric address in the usual way, or use a name."
        ) from exc


def _is_public(address: Address) -> bool:
    if isinstance(address, IPv6Address):
        if address in _NAT64:
            return _is_public(IPv4Address(int(address) & 0xFFFFFFFF))
        if address.scope_id or address not in _GLOBAL_V6 or _is_isatap(address):
            return False
    is_special = (
        address.is_private
        or address.is_loopback
        or address.is_link_local
        or address.is_multicast
        or address.is_reserved
        or address.is_unspecified
    )
    is_never = any(address in network for network in _NEVER)
    return address.is_global and not is_special and not is_never


def _is_isatap(address: IPv6Address) -> bool:
    return (int(address) >> 32) & 0xFFFFFFFF in _ISATAP
