"""Fetching by address: what is public is fetched, and nothing else is even touched."""

from __future__ import annotations

import ipaddress
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from ingestion import fetching
from ingestion.addresses import check_address, checked_url
from ingestion.errors import AddressRefused, FetchFailed, FileTooLarge
from ingestion.fetching import FetchConfig, fetch
from rag_site.errors import Unavailable

HERE = ipaddress.ip_network("127.0.0.1/32")


@dataclass
class Listener:
    """A server on this machine that counts who comes."""

    port: int = 0
    seen: list[bytes] = field(default_factory=list)
    connections: int = 0
    answer: Callable[[str], bytes] = lambda path: b""


@contextmanager
def listening(address: str = "127.0.0.1") -> Iterator[Listener]:
    listener = Listener()
    with socket.create_server((address, 0)) as server:
        server.settimeout(0.01)
        listener.port = server.getsockname()[1]
        is_over = threading.Event()
        thread = threading.Thread(target=_serve, args=(server, listener, is_over))
        thread.start()
        try:
            yield listener
        finally:
            is_over.set()
            thread.join(10)


def _serve(server: socket.socket, listener: Listener, is_over: threading.Event) -> None:
    while not is_over.is_set():
        try:
            client, _ = server.accept()
        except TimeoutError:
            continue
        listener.connections += 1
        with client:
            client.settimeout(5)
            head = client.recv(65536)
            listener.seen.append(head)
            path = head.split(b" ")[1].decode() if b" " in head else ""
            try:
                client.sendall(listener.answer(path))
            except OSError:
                continue


@pytest.fixture(scope="module")
def bystander() -> Iterator[Listener]:
    """A listener that nobody may reach, for the whole table."""
    with listening() as found:
        yield found


@pytest.fixture
def listener() -> Iterator[Listener]:
    with listening() as found:
        yield found


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[str]]:
    """The only names that resolve, and how often each was asked for under "asked"."""
    table: dict[str, list[str]] = {"asked": []}

    def getaddrinfo(host: str, port: int, *_: object, **named: object) -> list[object]:
        if named:  # the sockets ask too, for the number that they were given
            table["asked"].append(host)
        try:
            found = [str(ipaddress.ip_address(host))]
        except ValueError:
            found = table.get(host, [])
        if not found:
            raise socket.gaierror
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (a, port)) for a in found]

    monkeypatch.setattr(fetching.socket, "getaddrinfo", getaddrinfo)
    return table


def reply(
    body: bytes = b"Forty litres.", *headers: str, status: str = "200 OK"
) -> bytes:
    lines = [f"HTTP/1.1 {status}", *headers, f"Content-Length: {len(body)}", "", ""]
    return "\r\n".join(lines).encode() + body


def config(listener: Listener, **options: object) -> FetchConfig:
    base = FetchConfig(max_bytes=1 << 20, ports=(80, 443, listener.port), whole_s=20)
    return replace(base, **options)  # type: ignore[arg-type]


HOSTS = [
    "127.0.0.1",
    "127.1",
    "127.0.1",
    "0",
    "0.0.0.0",
    "0.0.0.0.",
    "2130706433",
    "0x7f000001",
    "0x7F000001",
    "0x7f.1",
    "0x7f.0.0.1",
    "0177.0.0.1",
    "0177.1",
    "017700000001",
    "00000177.0.0.1",
    "0177.0x0.0.1",
    "127.0.0.1.",
    "127.000.000.001",
    "127.0.0.01",
    "0x7f.0x0.0x0.0x1",
    "127.0.0.1e0",
    "localhost",
    "LOCALHOST",
    "localhost.",
    "foo.localhost",
    "localhost.localdomain",
    "ip6-localhost",
    "[::1]",
    "[::]",
    "[0:0:0:0:0:0:0:1]",
    "[0000:0000:0000:0000:0000:0000:0000:0001]",
    "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]",
    "[0:0:0:0:0:ffff:127.0.0.1]",
    "[::127.0.0.1]",
    "[::7f00:1]",
    "[::ffff:0:127.0.0.1]",
    "[64:ff9b::127.0.0.1]",
    "[64:ff9b::7f00:1]",
    "[64:ff9b:1::7f00:1]",
    "[64:ff9b::10.0.0.1]",
    "[2002:7f00:1::]",
    "[2002:7f00:0001::1]",
    "[2002:a9fe:a9fe::]",
    "[2001:0:7f00:1::]",
    "[2001:0:4136:e378:8000:63bf:80ff:fffe]",
    "[fe80::1]",
    "[fe80::1%25lo]",
    "[fe80::1%lo]",
    "[::1%25lo]",
    "[fc00::1]",
    "[fd00:ec2::254]",
    "[fec0::1]",
    "[ff02::1]",
    "[ff0e::1]",
    "[100::1]",
    "[2001:db8::1]",
    "[3fff::1]",
    "[2600:1234::5efe:7f00:1]",
    "[2600:1234::200:5efe:7f00:1]",
    "[4000::1]",
    "[::2]",
    "[v1.a]",
    "10.0.0.1",
    "10.255.255.255",
    "172.16.0.1",
    "172.31.255.255",
    "192.168.1.1",
    "169.254.169.254",
    "100.64.0.1",
    "100.100.100.200",
    "192.0.0.192",
    "192.0.2.1",
    "198.18.0.1",
    "198.51.100.1",
    "203.0.113.1",
    "192.88.99.1",
    "224.0.0.1",
    "239.255.255.250",
    "240.0.0.1",
    "255.255.255.255",
    "0.1.2.3",
    "１２７.0.0.1",
    "127。0。0。1",
    "127．0．0．1",
    "①②⑦.⓪.⓪.①",
    "ⓛⓞⓒⓐⓛⓗⓞⓢⓣ",
    "ｌocalhost",
    "0ｘ7f.1",
    "user@127.0.0.1",
    "user:pw@127.0.0.1",
    "example.org@127.0.0.1",
    "example.org:80@127.0.0.1",
    "127.0.0.1\\@example.org",
    "example.org\\@127.0.0.1",
    "127.0.0.1%00.example.org",
    "127.0.0.1%2f.example.org",
    "127.0.0.1&@example.org",
    "127.0.0.1,example.org",
    "-127.0.0.1",
    "metadata.google.internal",
    "intranet",
    "wiki.corp",
    "printer.local",
    "router.lan",
    "db.home.arpa",
    "private.example",
    "linklocal.example",
    "mapped.example",
    "nat64.example",
    "mixed.example",
    "mixed6.example",
    "127.0.0.1.nip.example",
    "zone.example",
    "sixtofour.example",
]

WHOLE = [
    "file:///etc/passwd",
    "file://localhost/etc/passwd",
    "ftp://127.0.0.1/x",
    "gopher://127.0.0.1/x",
    "dict://127.0.0.1/x",
    "ldap://127.0.0.1/x",
    "jar:http://127.0.0.1/!/x",
    "data:text/plain,x",
    "http+unix://%2Fvar%2Frun%2Fdocker.sock/x",
    "javascript:alert(1)",
    "//127.0.0.1/x",
    "http:127.0.0.1/x",
    "http:/127.0.0.1/x",
    "http:///127.0.0.1/x",
    "http://",
    "https://",
    "http://:80/",
    "http://example.org:22/",
    "http://example.org:6379/",
    "http://example.org:99999/",
    "http://example.org:-1/",
    "http://example.org:８０８０/",
    "http://[::1",
    "http://[/",
    "http://]/",
    "http://[::1]x/",
    "http://exa_mple/",
    "http://.example.org/",
    "http://example..org/",
    "example.org",
]

NAMES = {
    "private.example": ["10.0.0.1"],
    "linklocal.example": ["169.254.169.254"],
    "mapped.example": ["::ffff:127.0.0.1"],
    "nat64.example": ["64:ff9b::7f00:1"],
    "mixed.example": ["93.184.216.34", "127.0.0.1"],
    "mixed6.example": ["2606:2800:220:1:248:1893:25c8:1946", "::1"],
    "127.0.0.1.nip.example": ["127.0.0.1"],
    "zone.example": ["fe80::1%eth0"],
    "sixtofour.example": ["2002:7f00:1::"],
}


@pytest.mark.parametrize("host", HOSTS)
def test_no_form_of_a_private_address_is_connected_to(
    bystander: Listener, names: dict[str, list[str]], tmp_path: Path, host: str
) -> None:
    names.update(NAMES)
    for scheme in ("http", "https"):
        with pytest.raises(AddressRefused):
            fetch(
                f"{scheme}://{host}:{bystander.port}/a.txt",
                config(bystander),
                tmp_path / "file",
            )
    assert bystander.connections == 0
    assert not (tmp_path / "file").exists()


@pytest.mark.parametrize("url", [*WHOLE, "http://example.org/\tx", "http://a\nb.org/"])
def test_no_odd_address_is_fetched(
    bystander: Listener, names: dict[str, list[str]], tmp_path: Path, url: str
) -> None:
    with pytest.raises(AddressRefused):
        fetch(url, config(bystander), tmp_path / "file")
    assert (bystander.connections, names["asked"]) == (0, [])


def test_the_table_is_long_enough() -> None:
    assert len(set(HOSTS)) > 100


@pytest.mark.parametrize(
    "address",
    ["93.184.216.34", "1.1.1.1", "2606:4700:4700::1111", "64:ff9b::101:101"],
)
def test_what_is_public_passes(address: str) -> None:
    assert str(check_address(address)) == str(ipaddress.ip_address(address))


@pytest.mark.parametrize(
    ("url", "host", "path"),
    [
        ("http://Example.ORG/a b.txt".replace(" ", "%20"), "example.org", "/a%20b.txt"),
        ("https://example.org./x?q=ä", "example.org", "/x?q=%C3%A4"),
        ("https://bücher.example/", "xn--bcher-kva.example", "/"),
        ("https://1.1.1.1", "1.1.1.1", "/"),
        ("http://example.org/x#part", "example.org", "/x"),
    ],
)
def test_an_address_has_one_meaning(url: str, host: str, path: str) -> None:
    target = checked_url(url, ports=(80, 443), hosts=())
    assert (target.host, target.path) == (host, path)


def test_only_the_hosts_that_are_named() -> None:
    hosts = ("example.org",)
    for url in ("https://example.org/", "https://files.example.org/"):
        assert checked_url(url, ports=(), hosts=hosts)
    for url in ("https://notexample.org/", "https://example.org.evil.net/"):
        with pytest.raises(AddressRefused, match="list of sites"):
            checked_url(url, ports=(), hosts=hosts)


def test_a_file_is_fetched_from_the_address_that_was_judged(
    listener: Listener,
    names: dict[str, list[str]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:1")
    names["files.example"] = ["127.0.0.1"]
    listener.answer = lambda path: reply(b"Forty litres.", "Content-Type: text/plain")
    url = f"http://files.example:{listener.port}/docs/pump.txt?key=secret"
    found = fetch(url, config(listener, allowed=(HERE,)), tmp_path / "file")
    assert found.path.read_bytes() == b"Forty litres."
    assert (found.name, found.size_bytes) == ("pump.txt", 13)
    assert found.target.shown == "http://files.example/docs/pump.txt"
    assert names["asked"] == ["files.example"]
    head = listener.seen[0].decode()
    assert head.startswith("GET /docs/pump.txt?key=secret HTTP/1.1\r\n")
    assert f"Host: files.example:{listener.port}\r\n" in head
    assert "Accept-Encoding: identity" in head


def test_the_certificate_is_asked_for_by_name(
    names: dict[str, list[str]], tmp_path: Path
) -> None:
    """The number is connected to, the name is in the handshake, and it must be proved."""
    asked: list[str | None] = []
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.sni_callback = lambda _, name, __: asked.append(name)
    names["files.example"] = ["127.0.0.1"]
    with socket.create_server(("127.0.0.1", 0)) as server:

        def shake() -> None:
            client, _ = server.accept()
            with client, pytest.raises((ssl.SSLError, OSError)):
                context.wrap_socket(client, server_side=True)

        thread = threading.Thread(target=shake)
        thread.start()
        port = server.getsockname()[1]
        limits = FetchConfig(max_bytes=100, ports=(port,), allowed=(HERE,))
        with pytest.raises(FetchFailed, match="could not be reached"):
            fetch(f"https://files.example:{port}/a.txt", limits, tmp_path / "file")
        thread.join(10)
    assert asked == ["files.example"]


@pytest.mark.parametrize(
    "place",
    [
        "http://127.0.0.2:{port}/x",
        "http://localhost:{port}/x",
        "http://[::ffff:127.0.0.2]:{port}/x",
        "http://169.254.169.254/latest/meta-data/",
        "http://private.example/x",
        "//127.0.0.2:{port}/x",
        "file:///etc/passwd",
        "gopher://127.0.0.2:{port}/x",
        "http://user@127.0.0.1:{port}/x",
    ],
)
def test_a_redirect_goes_through_the_same_gates(
    listener: Listener, names: dict[str, list[str]], tmp_path: Path, place: str
) -> None:
    names.update(NAMES)
    with listening("127.0.0.2") as inside:
        location = f"Location: {place.format(port=inside.port)}"
        listener.answer = lambda path: reply(b"", location, status="302 Found")
        ports = (80, 443, listener.port, inside.port)
        limits = config(listener, allowed=(HERE,), ports=ports)
        with pytest.raises(AddressRefused):
            fetch(f"http://127.0.0.1:{listener.port}/", limits, tmp_path / "file")
        assert (listener.connections, inside.connections) == (1, 0)


def test_a_redirect_to_no_address_is_told(listener: Listener, tmp_path: Path) -> None:
    listener.answer = lambda path: reply(b"", "Location: http://[", status="302 Found")
    limits = config(listener, allowed=(HERE,), ports=(80, listener.port))
    with pytest.raises(FetchFailed):
        fetch(f"http://127.0.0.1:{listener.port}/", limits, tmp_path / "file")


def test_a_good_redirect_is_followed_and_a_circle_is_not(
    listener: Listener, tmp_path: Path
) -> None:
    def answer(path: str) -> bytes:
        if path == "/old":
            return reply(b"", "Location: /new.md", status="301 Moved")
        if path == "/new.md":
            return reply(b"# New", "Content-Type: application/octet-stream")
        return reply(b"", f"Location: {path}x", status="307 Again")

    listener.answer = answer
    limits = config(listener, allowed=(HERE,))
    base = f"http://127.0.0.1:{listener.port}"
    assert fetch(f"{base}/old", limits, tmp_path / "file").name == "new.md"
    with pytest.raises(FetchFailed, match="more than 5 times"):
        fetch(f"{base}/circle", limits, tmp_path / "file")


@pytest.mark.parametrize(
    ("answer", "error", "words"),
    [
        (reply(b"x" * 2000, "Content-Type: text/plain"), FileTooLarge, "limit"),
        (
            b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n" + b"x" * 2000,
            FileTooLarge,
            "limit",
        ),
        (reply(b"x", "Content-Type: video/mp4"), FetchFailed, "video/mp4"),
        (reply(b"x"), FetchFailed, "cannot be read"),
        (
            reply(b"x", "Content-Type: text/plain", "Content-Encoding: gzip"),
            FetchFailed,
            "packed",
        ),
        (reply(b"x", status="404 Not Found"), FetchFailed, "status 404"),
        (b"SSH-2.0-OpenSSH\r\n", FetchFailed, "could not be reached"),
        (b"", FetchFailed, "could not be reached"),
        (
            b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 50\r\n\r\nx",
            FetchFailed,
            "could not be reached",
        ),
    ],
)
def test_what_is_no_file_is_refused_in_words(
    listener: Listener, tmp_path: Path, answer: bytes, error: type, words: str
) -> None:
    listener.answer = lambda path: answer
    limits = config(listener, allowed=(HERE,), max_bytes=1000)
    with pytest.raises(error, match=words):
        fetch(f"http://127.0.0.1:{listener.port}/file", limits, tmp_path / "file")


def test_a_server_that_drips_is_left_in_time(tmp_path: Path) -> None:
    """Each byte is in time; all of them together are not."""
    is_over = threading.Event()

    def drip(server: socket.socket) -> None:
        client, _ = server.accept()
        with client:
            client.recv(65536)
            while not is_over.wait(0.05):
                try:
                    client.sendall(b"H")
                except OSError:
                    return

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=drip, args=(server,))
        thread.start()
        port = server.getsockname()[1]
        limits = FetchConfig(
            max_bytes=1000, ports=(port,), allowed=(HERE,), whole_s=0.5
        )
        started = time.monotonic()
        with pytest.raises(FetchFailed, match="in time"):
            fetch(f"http://127.0.0.1:{port}/a.txt", limits, tmp_path / "file")
        assert time.monotonic() - started < 15
        is_over.set()
        thread.join(10)


@pytest.mark.parametrize(
    ("path", "headers", "name"),
    [
        ("/a/report", ["Content-Type: application/pdf"], "report.pdf"),
        ("/index.php", ["Content-Type: text/html; charset=utf-8"], "index.php.html"),
        ("/", ["Content-Type: text/html"], "127.0.0.1.html"),
        ("/notes.md", ["Content-Type: text/plain"], "notes.md"),
        (
            "/x",
            [
                "Content-Type: application/pdf",
                'Content-Disposition: attachment; filename="../../etc/Handbook.pdf"',
            ],
            "Handbook.pdf",
        ),
        (
            "/x",
            [
                "Content-Type: application/pdf",
                "Content-Disposition: attachment; filename*=UTF-8''%C3%84rger%E2%80%AE.pdf",
            ],
            "Ärger.pdf",
        ),
    ],
)
def test_the_name_is_cleaned_and_says_the_type(
    listener: Listener, tmp_path: Path, path: str, headers: list[str], name: str
) -> None:
    listener.answer = lambda _: reply(b"x", *headers)
    limits = config(listener, allowed=(HERE,))
    url = f"http://127.0.0.1:{listener.port}{path}"
    assert fetch(url, limits, tmp_path / "file").name == name


def test_only_a_few_at_a_time(listener: Listener, tmp_path: Path) -> None:
    taken = [fetching._AT_ONCE.acquire(blocking=False) for _ in range(4)]
    try:
        assert all(taken)
        with pytest.raises(Unavailable, match="moment"):
            fetch("https://example.org/", config(listener), tmp_path / "file")
    finally:
        for _ in taken:
            fetching._AT_ONCE.release()
