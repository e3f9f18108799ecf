"""Fetching one file from the web, without being led into the network behind us.

The name is resolved once, every address it has is judged, and the connection is
made to an address that was judged: what the name says later does not matter.
Redirects go through the same gates. See ADR 0011.
"""

from __future__ import annotations

import logging
import re
import socket
import ssl
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from email.message import Message
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import unquote, urljoin

import certifi
import httpcore
from django.conf import settings

from ingestion.addresses import Network, Target, check_address, checked_url
from ingestion.errors import AddressRefused, FetchFailed, FileTooLarge
from ingestion.filetypes import EXTENSIONS
from ingestion.uploads import clean_name
from rag_site.errors import Unavailable
from rag_site.sending import release_database

logger = logging.getLogger(__name__)

_MAX_REDIRECTS = 5
_REDIRECTS = {301, 302, 303, 307, 308}
_CONNECT_S = 5.0
_READ_S = 10.0
# Fetches at a time in one process: each holds a thread.
_AT_ONCE = threading.BoundedSemaphore(4)
_AGENT = "Plumbline (document import)"
# What servers call files that they know no type of.
_UNTYPED = {"", "application/octet-stream", "binary/octet-stream"}
_EXTENSION_OF = {media_type: ext for ext, media_type in reversed(EXTENSIONS.items())}
_EXTENSION_OF |= {"text/plain": ".txt", "text/html": ".html", "application/zip": ".zip"}
_KNOWN = {*EXTENSIONS, ".zip"}


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchConfig:
    """Bounds of one fetch.

    Attributes:
        hosts: names that may be fetched from, with all below them; empty: any.
        allowed: networks that count as public; only tests name any.
        whole_s: seconds from the first byte sent to the last one read.
    """

    max_bytes: int
    hosts: Sequence[str] = ()
    ports: Sequence[int] = (80, 443)
    allowed: Sequence[Network] = ()
    whole_s: float = 60.0

    @classmethod
    def from_settings(cls) -> FetchConfig:
        return cls(
            max_bytes=settings.MAX_UPLOAD_MB << 20,
            hosts=settings.URL_IMPORT_HOSTS,
            whole_s=settings.URL_IMPORT_S,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """A file that was fetched: ``target`` is where it was in the end."""

    target: Target
    address: str
    name: str
    path: Path
    size_bytes: int


def fetch(url: str, config: FetchConfig, into: Path) -> Fetched:
    """Fetch ``url`` to the file ``into``.

    Raises:
        AddressRefused: the address or one it redirects to is not public.
        FetchFailed, FileTooLarge: it is public but gives no file.
        Unavailable: others are being fetched.
    """
    release_database()
    if not _AT_ONCE.acquire(blocking=False):
        raise Unavailable("Other files are being fetched. Try again in a moment.")
    try:
        return _followed(url, config, into)
    finally:
        _AT_ONCE.release()


def _followed(url: str, config: FetchConfig, into: Path) -> Fetched:
    deadline = time.monotonic() + config.whole_s
    for _ in range(_MAX_REDIRECTS + 1):
        target = checked_url(url, ports=config.ports, hosts=config.hosts)
        address = _resolved(target, config, deadline)
        with _opened(target, address, deadline) as response:
            place = _header(response, b"location")
            if response.status not in _REDIRECTS or not place:
                return _saved(response, target, address, config, into)
            url = _next(target, place)
        # A page that was safe must not lead to a place that can be listened to.
        if target.scheme == "https" and not url.lower().startswith("https:"):
            raise AddressRefused("The address leads from https to http.")
    raise FetchFailed(f"The address leads on more than {_MAX_REDIRECTS} times.")


def _next(target: Target, place: str) -> str:
    try:
        return urljoin(f"{target.scheme}://{target.authority}{target.path}", place)
    except ValueError as exc:
        raise FetchFailed("The address leads to one that cannot be read.") from exc


def _resolved(target: Target, config: FetchConfig, deadline: float) -> str:
    """Return one of the host's addresses, after every one of them was judged."""
    found: list[str] = []

    def resolve() -> None:
        try:
            rows = socket.getaddrinfo(target.host, target.port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError):
            return
        found.extend(dict.fromkeys(str(row[4][0]) for row in rows))

    # The system's resolver knows no deadline; the thread ends when it gives up.
    thread = threading.Thread(target=resolve, daemon=True)
    thread.start()
    thread.join(max(0.0, min(_READ_S, deadline - time.monotonic())))
    if not found:
        raise FetchFailed(f"There is no site of the name {target.host}.")
    judged = [str(check_address(one, allowed=config.allowed)) for one in found]
    return judged[0]


class _Pinned(httpcore.NetworkBackend):
    """Connects to one address whatever the name, and reads until one deadline.

    The pool still speaks for the host: Host header, SNI and certificate are its.
    """

    def __init__(self, address: str, deadline: float) -> None:
        self._address = address
        self._deadline = deadline
        self._inner = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        stream = self._inner.connect_tcp(
            self._address,
            port,
            timeout=_left(self._deadline, _CONNECT_S),
            local_address=local_address,
            socket_options=socket_options,
        )
        return _Timed(stream, self._deadline)


class _Timed(httpcore.NetworkStream):
    """A stream whose reads together end at one deadline, byte by byte or not."""

    def __init__(self, stream: httpcore.NetworkStream, deadline: float) -> None:
        self._stream = stream
        self._deadline = deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, _left(self._deadline, _READ_S))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, _left(self._deadline, _READ_S))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.NetworkStream:
        left = _left(self._deadline, _READ_S)
        safe = self._stream.start_tls(ssl_context, server_hostname, left)
        return _Timed(safe, self._deadline)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


def _left(deadline: float, at_most: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise httpcore.ReadTimeout
    return min(left, at_most)


@contextmanager
def _opened(
    target: Target, address: str, deadline: float
) -> Iterator[httpcore.Response]:
    """Ask for the file; httpcore knows no proxies and reads no environment."""
    headers: dict[bytes | str, bytes | str] = {
        "Host": target.authority,
        "User-Agent": _AGENT,
        "Accept": "*/*",
        # What is packed could unpack to anything.
        "Accept-Encoding": "identity",
        "Connection": "close",
    }
    url = httpcore.URL(
        scheme=target.scheme, host=target.host, port=target.port, target=target.path
    )
    try:
        with (
            httpcore.ConnectionPool(
                ssl_context=ssl.create_default_context(cafile=certifi.where()),
                network_backend=_Pinned(address, deadline),
            ) as pool,
            pool.stream("GET", url, headers=headers) as response,
        ):
            yield response
    except (httpcore.TimeoutException, TimeoutError) as exc:
        raise FetchFailed(f"{target.host} did not answer in time.") from exc
    except (
        httpcore.NetworkError, httpcore.ProtocolError, httpcore.UnsupportedProtocol, OSError,
    ) as exc:  # fmt: skip
        logger.info("fetching from %s failed: %s", target.host, type(exc).__name__)
        raise FetchFailed(f"{target.host} could not be reached.") from exc


def _saved(
    response: httpcore.Response,
    target: Target,
    address: str,
    config: FetchConfig,
    into: Path,
) -> Fetched:
    if response.status != 200:
        raise FetchFailed(f"{target.host} answered with status {response.status}.")
    if _header(response, b"content-encoding") not in ("", "identity"):
        raise FetchFailed(f"{target.host} sent the file packed, unasked.")
    name = _name(response, target)
    declared = _header(response, b"content-length")
    if declared.isdigit() and int(declared[:20]) > config.max_bytes:
        raise _too_large(config)
    size = 0
    with into.open("wb") as out:
        for block in response.iter_stream():
            size += len(block)
            if size > config.max_bytes:
                raise _too_large(config)
            out.write(block)
    return Fetched(
        target=target, address=address, name=name, path=into, size_bytes=size
    )


def _too_large(config: FetchConfig) -> FileTooLarge:
    return FileTooLarge(
        f"The file is larger than the limit, {config.max_bytes >> 20} MB."
    )


def _header(response: httpcore.Response, name: bytes) -> str:
    for key, value in response.headers:
        if key.lower() == name:
            return value.decode("latin-1").strip()
    return ""


def _name(response: httpcore.Response, target: Target) -> str:
    """Return a name whose extension says what the server calls the type.

    Raises:
        FetchFailed: nothing here reads that type.
    """
    told = Message()
    told["content-type"] = (
        _header(response, b"content-type") or "application/octet-stream"
    )
    told["content-disposition"] = _header(response, b"content-disposition") or "inline"
    media_type = told.get_content_type()
    last = unquote(PurePosixPath(target.path.partition("?")[0]).name)
    name = clean_name(told.get_filename() or last or target.host)
    suffix = PurePosixPath(name).suffix.lower()
    if media_type in _UNTYPED or EXTENSIONS.get(suffix) == media_type:
        if suffix in _KNOWN:
            return name
    elif extension := _EXTENSION_OF.get(media_type):
        is_text = media_type == "text/plain" and suffix in _KNOWN
        return name if is_text else _with(name, extension)
    raise FetchFailed(
        f"{target.host} calls this {re.sub('[^a-z0-9.+/-]', '', media_type)[:80]}, "
        "which cannot be read here."
    )


def _with(name: str, extension: str) -> str:
    stem, suffix = PurePosixPath(name).stem, PurePosixPath(name).suffix.lower()
    return f"{stem}{extension}" if suffix in _KNOWN else f"{name}{extension}"
