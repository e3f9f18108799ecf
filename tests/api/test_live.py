"""Over a socket: bodies that are too large or too slow, streams, lost services."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from django.conf import settings
from django.db import connection

from generation.models import Answer
from ingestion.models import Collection, Document
from rag_site.asking import ALL_SCOPES, Scope
from tests import factories
from tests.api.live import live_site
from tests.keyed import make_key

pytestmark = pytest.mark.django_db(transaction=True)

QUESTION = {"question": "How many litres does the pump hold?"}
MB = 1 << 20


@pytest.fixture(scope="module")
def site(django_db_setup: None, django_db_blocker) -> Iterator[str]:  # type: ignore[no-untyped-def]
    with django_db_blocker.unblock():
        limits = {
            "PLUMBLINE_MAX_UPLOAD_MB": "5",
            "PLUMBLINE_MAX_FILES_PER_UPLOAD": "4",
            "PLUMBLINE_MAX_BODY_KB": "256",
            "PLUMBLINE_BODY_TIMEOUT_S": "2",
            "PLUMBLINE_TRUSTED_PROXIES": "127.0.0.1",
        }
        with live_site(**limits) as url:
            yield url


@pytest.fixture
def library() -> Collection:
    collection = factories.make_collection(shared_with=factories.bob())
    factories.make_ready_document(
        collection, pages=["The pump holds 40 litres of oil."]
    )
    return collection


@pytest.fixture
def client(site: str, library: Collection) -> Iterator[httpx.Client]:
    headers = {"Authorization": f"Bearer {make_key(factories.alice())}"}
    with httpx.Client(base_url=f"{site}/api/v1", headers=headers, timeout=30) as client:
        yield client


def shaped(answer: httpx.Response) -> str:
    error = answer.json()["error"]
    assert set(error) == {"code", "message", "detail", "reference"}
    assert answer.headers["X-Reference"] == error["reference"]
    return str(error["code"])


def is_nothing_spooled() -> bool:
    """Files are removed once the response is sent, which the client sees first."""
    folder = Path(settings.FILE_UPLOAD_TEMP_DIR)
    deadline = time.monotonic() + 5
    while any(folder.iterdir()) and time.monotonic() < deadline:
        time.sleep(0.05)
    return not any(folder.iterdir())


def test_a_large_body_is_refused_by_its_length(client: httpx.Client) -> None:
    answer = client.post("/ask", content=b" " * (50 * MB))
    assert (answer.status_code, shaped(answer)) == (413, "body_too_large")
    assert answer.json()["error"]["detail"] == {"limit_bytes": 256 << 10}
    assert answer.headers["Connection"] == "close"


def test_a_large_body_without_length_is_cut_off(client: httpx.Client) -> None:
    answer = client.post("/ask", content=(b" " * 65_536 for _ in range(400)))
    assert (answer.status_code, shaped(answer)) == (413, "body_too_large")


def test_a_page_is_told_so_too(site: str) -> None:
    answer = httpx.post(f"{site}/sign-in", content=b" " * MB)
    assert answer.status_code == 413
    assert "text/html" in answer.headers["Content-Type"]
    assert "eference" in answer.text


def upload(
    client: httpx.Client, library: Collection, *files: tuple[str, bytes]
) -> httpx.Response:
    parts = [("files", (name, content, "text/plain")) for name, content in files]
    return client.post(f"/collections/{library.pk}/documents", files=parts)


def test_files_up_to_the_limit_arrive(
    client: httpx.Client, library: Collection
) -> None:
    line = b"The pump holds 40 litres.\n"
    big = line * (4 * MB // len(line))
    answer = upload(client, library, ("a.txt", big), ("b.txt", big + b"x"))
    assert answer.status_code == 202, answer.text
    assert [row["outcome"] for row in answer.json()["documents"]] == ["created"] * 2
    sizes = [row["document"]["size_bytes"] for row in answer.json()["documents"]]
    assert sizes == [len(big), len(big) + 1]
    assert is_nothing_spooled()


@pytest.mark.parametrize("is_chunked", [False, True])
def test_one_file_over_the_limit_is_refused_early(
    client: httpx.Client, library: Collection, is_chunked: bool
) -> None:
    boundary = "frontier"
    head = (
        f"--{boundary}\r\nContent-Disposition: form-data; name=files; "
        'filename="a.txt"\r\n\r\n'
    ).encode()
    body = head + b"x" * (12 * MB) + f"\r\n--{boundary}--\r\n".encode()
    answer = client.post(
        f"/collections/{library.pk}/documents",
        content=iter([body[i : i + 65_536] for i in range(0, len(body), 65_536)])
        if is_chunked
        else body,
        headers={"Content-Type": f"multipart/form-data; boundary={boundary}"},
    )
    assert (answer.status_code, shaped(answer)) == (413, "document_too_large")
    assert answer.json()["error"]["detail"] == {"limit_bytes": 5 * MB}
    assert Document.objects.count() == 1
    assert is_nothing_spooled()


def test_nobody_uploads_a_byte(site: str, library: Collection) -> None:
    for header in ({}, {"Authorization": "Bearer plb_00000000_no"}):
        answer = httpx.post(
            f"{site}/api/v1/collections/{library.pk}/documents",
            files=[("files", ("a.txt", b"x" * MB))],
            headers=header,
        )
        assert (answer.status_code, shaped(answer)) == (401, "not_signed_in")
    at_a_page = f"{site}/collections/{library.pk}/documents"
    answer = httpx.post(at_a_page, files=[("files", ("a.txt", b"x"))])
    assert answer.status_code == 401
    assert "You are signed out." in answer.text
    assert "API key" not in answer.text


@pytest.mark.parametrize(
    ("scopes", "status", "code"),
    [(ALL_SCOPES, 404, "not_found"), ({"read"}, 403, "scope_missing")],
)
def test_who_may_not_write_uploads_no_byte(
    site: str, library: Collection, scopes: set[Scope], status: int, code: str
) -> None:
    key = make_key(factories.bob(), scopes=scopes)
    head = (
        f"POST /api/v1/collections/{library.pk}/documents HTTP/1.1\r\n"
        f"Host: localhost\r\nAuthorization: Bearer {key}\r\nContent-Length: {4 * MB}\r\n"
        "Content-Type: multipart/form-data; boundary=frontier\r\n\r\n"
    )
    answer = raw(site, head.encode())
    assert f" {status} ".encode() in answer.split(b"\r\n")[0]
    assert code.encode() in answer


def raw(site: str, *pieces: bytes, pause_s: float = 0.0) -> bytes:
    """Send bytes as they are and return what comes back until the end."""
    where = urlsplit(site)
    with socket.create_connection((where.hostname, where.port), timeout=20) as link:
        for piece in pieces:
            link.sendall(piece)
            time.sleep(pause_s)
        received = b""
        while piece := link.recv(65_536):
            received += piece
    return received


def test_a_slow_sender_is_cut_off_while_others_are_served(
    site: str, client: httpx.Client
) -> None:
    started = time.monotonic()
    answer = raw(
        site,
        b"POST /api/v1/ask HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{",
    )
    assert b" 408 " in answer.split(b"\r\n")[0]
    assert b"body_timeout" in answer
    assert time.monotonic() - started < 15
    assert client.get("/collections").status_code == 200


def test_a_false_length_is_malformed(site: str) -> None:
    answer = raw(
        site,
        b"POST /api/v1/ask HTTP/1.1\r\nHost: localhost\r\nContent-Length: -5\r\n\r\n",
    )
    assert b" 400 " in answer.split(b"\r\n")[0]


def test_tokens_arrive_one_after_another(client: httpx.Client) -> None:
    times, kinds = [], []
    with client.stream("POST", "/ask", json={**QUESTION, "stream": True}) as answer:
        assert answer.headers["X-Accel-Buffering"] == "no"
        for line in answer.iter_lines():
            if line.startswith("event: "):
                times.append(time.monotonic())
                kinds.append(line.removeprefix("event: "))
    tokens = [at for at, kind in zip(times, kinds, strict=True) if kind == "token"]
    assert kinds[-1] == "done"
    assert len(tokens) >= 8
    # Written 0.05 s apart: had they been held back, all would come at once.
    assert tokens[-1] - tokens[0] > 0.2


def test_a_closed_connection_loses_nothing(client: httpx.Client) -> None:
    seen = []
    with client.stream("POST", "/ask", json={**QUESTION, "stream": True}) as answer:
        for line in answer.iter_lines():
            seen.append(line)
            if line == "event: token":
                break
    last = [line for line in seen if line.startswith("id: ")][-1].removeprefix("id: ")
    row = Answer.objects.get()
    with client.stream(
        "GET",
        f"/answers/{row.pk}/events",
        headers={"Last-Event-ID": str(int(last) - 1)},
    ) as answer:
        lines = list(answer.iter_lines())
    ids = [int(x.removeprefix("id: ")) for x in lines if x.startswith("id: ")]
    assert ids[0] == int(last)
    assert ids == sorted(set(ids))
    done = json.loads(lines[-2].removeprefix("data: "))
    row.refresh_from_db()
    assert done["text"] == row.text
    assert row.state == Answer.State.DONE


def test_readers_of_streams_hold_no_database_connection(
    site: str, client: httpx.Client
) -> None:
    headers, seen = dict(client.headers), []
    with ThreadPoolExecutor(10) as pool:
        ends = [pool.submit(_follow, site, headers) for _ in range(10)]
        while not all(end.done() for end in ends):
            if Answer.objects.filter(state=Answer.State.WRITING).count() == 10:
                seen.append(_connections())
            time.sleep(0.05)
        assert [end.result() for end in ends] == ["done"] * 10
    # Answers are written in short turns; were one held for each reader, there
    # would never be fewer than ten.
    assert min(seen, default=0) < 10


def _follow(site: str, headers: dict[str, str]) -> str:
    url, last = f"{site}/api/v1/ask", ""
    body = {**QUESTION, "stream": True}
    with httpx.stream("POST", url, json=body, headers=headers, timeout=60) as answer:
        for line in answer.iter_lines():
            if line.startswith("event: "):
                last = line.removeprefix("event: ")
    return last


def _connections() -> int:
    """Return how many sessions others have on this database."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        return int(cursor.fetchone()[0])


def test_stop_ends_an_answer(client: httpx.Client) -> None:
    with client.stream("POST", "/ask", json={**QUESTION, "stream": True}) as answer:
        for line in answer.iter_lines():
            if line == "event: token":
                pk = Answer.objects.get().pk
                stopped = client.post(f"/answers/{pk}/stop")
                assert stopped.status_code == 200
            if line.startswith("data: "):
                last = json.loads(line.removeprefix("data: "))
    assert last["stopped"] is True
    assert client.get(f"/answers/{pk}").json()["state"] == "stopped"


def test_no_stranger_follows_or_stops_an_answer(
    site: str, client: httpx.Client
) -> None:
    done = client.post("/ask", json=QUESTION).json()
    headers = {"Authorization": f"Bearer {make_key(factories.bob())}"}
    path = f"{site}/api/v1/answers/{done['id']}"
    for method, end in (("GET", ""), ("GET", "/events"), ("POST", "/stop")):
        answer = httpx.request(method, f"{path}{end}", headers=headers)
        assert (answer.status_code, shaped(answer)) == (404, "not_found")


def test_without_redis_pages_and_api_still_answer(library: Collection) -> None:
    key = make_key(factories.alice())
    with live_site(REDIS_URL="redis://:x@127.0.0.1:1/0") as url:
        headers = {"Authorization": f"Bearer {key}"}
        listed = httpx.get(f"{url}/api/v1/collections", headers=headers)
        assert listed.status_code == 200
        assert httpx.get(f"{url}/sign-in").status_code == 200
        asked = httpx.post(
            f"{url}/api/v1/ask", json=QUESTION, headers=headers, timeout=30
        )
        assert asked.status_code == 200, asked.text
        added = httpx.post(
            f"{url}/api/v1/collections/{library.pk}/documents",
            files=[("files", ("n.txt", b"New words."))],
            headers=headers,
            timeout=30,
        )
        assert added.json()["documents"][0]["outcome"] == "created", added.text
        ready = httpx.get(f"{url}/health/ready", timeout=10)
        assert ready.status_code == 503
        assert {p["name"]: p["ok"] for p in ready.json()["parts"]}["redis"] is False


def test_without_postgres_everyone_is_told_and_nothing_leaks() -> None:
    environment = {"DATABASE_URL": "postgresql://u:canary-secret@127.0.0.1:1/none"}
    with live_site(**environment) as url:
        headers = {"Authorization": "Bearer plb_00000000_x"}
        answer = httpx.get(f"{url}/api/v1/collections", headers=headers, timeout=30)
        assert (answer.status_code, shaped(answer)) == (503, "database_unavailable")
        assert answer.headers["Retry-After"]
        page = httpx.get(
            f"{url}/documents", cookies={"plumbline_session": "x" * 32}, timeout=30
        )
        assert page.status_code == 503
        assert "eference" in page.text
        for text in (answer.text, page.text):
            assert "canary-secret" not in text
            assert "Traceback" not in text
        started = time.monotonic()
        ready = httpx.get(f"{url}/health/ready", timeout=10)
        assert ready.status_code == 503
        assert time.monotonic() - started < 5
        assert httpx.get(f"{url}/health/live", timeout=5).status_code == 200


def test_the_docs_page_asks_nobody_else(site: str) -> None:
    page = httpx.get(f"{site}/api/docs")
    assert page.status_code == 200
    assert "POST" in page.text
    assert "/api/v1/collections/{pk}/documents" in page.text
    assert 'src="http' not in page.text
    assert 'href="http' not in page.text
    assert " style=" not in page.text
    schema = httpx.get(f"{site}/api/v1/openapi.json").json()
    assert schema["openapi"].startswith("3.1")
