"""Every failure in the site's one shape, and never a stack trace."""

from __future__ import annotations

import json
import re

import pytest
from django.core.exceptions import PermissionDenied, SuspiciousOperation
from django.db import InternalError, OperationalError
from django.http import Http404, HttpRequest
from django.test import Client, RequestFactory
from psycopg import errors as postgres
from redis import ConnectionError as RedisAway

from ingestion.errors import FileTooLarge
from rag_site import problems
from rag_site.errors import Conflict, RagError, Unavailable
from rag_site.models import AuditEvent
from tests import factories
from tests.keyed import client_of


def _ended(cause: Exception) -> InternalError:
    exc = InternalError("secret-detail")
    exc.__cause__ = cause
    return exc


CASES = [
    (Http404("secret-detail"), 404, "not_found"),
    (PermissionDenied("secret-detail"), 403, "forbidden"),
    (SuspiciousOperation("secret-detail"), 400, "invalid_input"),
    (OperationalError("password=secret-detail"), 503, "database_unavailable"),
    (_ended(postgres.IdleInTransactionSessionTimeout()), 503, "database_unavailable"),
    (_ended(postgres.InFailedSqlTransaction()), 500, "internal_error"),
    (RedisAway("redis://:secret-detail@x"), 503, "queue_unavailable"),
    (ValueError("secret-detail"), 500, "internal_error"),
    (Conflict(), 409, "conflict"),
    (Unavailable(retry_after_s=7), 503, "unavailable"),
    (FileTooLarge(), 413, "document_too_large"),
]


def request_for(path: str, **headers: str) -> HttpRequest:
    return RequestFactory().get(path, headers=headers)


@pytest.mark.parametrize(("exc", "status", "code"), CASES)
def test_the_api_answers_in_one_shape(exc: Exception, status: int, code: str) -> None:
    answer = problems.response_to(request_for("/api/v1/x"), exc)
    assert answer.status_code == status
    body = json.loads(answer.content)
    assert set(body["error"]) == {"code", "message", "detail", "reference"}
    assert body["error"]["code"] == code
    assert b"secret-detail" not in answer.content
    assert ("Retry-After" in answer) == (status in {429, 503})


@pytest.mark.parametrize(("exc", "status", "code"), CASES)
def test_pages_say_what_happened_and_give_the_reference(
    exc: Exception, status: int, code: str
) -> None:
    request = request_for("/documents")
    answer = problems.response_to(request, exc)
    text = answer.content.decode()
    assert answer.status_code == status
    assert "eference" in text
    assert "secret-detail" not in text
    assert "Traceback" not in text


@pytest.mark.parametrize(
    ("method", "referer", "again"),
    [
        ("get", "", "/documents/bulk?x=1"),
        ("post", "http://testserver/documents?q=a", "/documents?q=a"),
        ("post", "https://elsewhere.example/documents", "/"),
        ("post", "http://testserver//elsewhere.example/x", "/%2Felsewhere.example/x"),
    ],
)
def test_trying_again_leads_to_a_page(method: str, referer: str, again: str) -> None:
    make = getattr(RequestFactory(), method)
    request = make("/documents/bulk?x=1", headers={"Referer": referer})
    html = problems.response_to(request, Unavailable()).content.decode()
    assert re.findall(r'class="button" href="([^"]+)"', html) == [again]


def test_a_form_for_another_host_is_refused_as_a_page() -> None:
    answer = Client().post("/documents/bulk", headers={"Host": "elsewhere.example"})
    assert answer.status_code == 400
    assert "elsewhere" not in answer.content.decode()


def test_a_broken_template_still_gives_a_page(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*args: object, **kwargs: object) -> str:
        raise ValueError("secret-detail")

    monkeypatch.setattr(problems, "render_to_string", broken)
    answer = problems.response_to(request_for("/x"), RagError("<b>Bad</b>"))
    assert b"&lt;b&gt;Bad" in answer.content
    assert b"secret-detail" not in answer.content


@pytest.mark.django_db
def test_what_no_route_knows_is_not_found() -> None:
    client = client_of(factories.alice())
    answer = client.get("/api/v1/nowhere")
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "not_found")
    wrong = client.put("/api/v1/collections")
    assert (wrong.status_code, wrong.json()["error"]["code"]) == (
        405,
        "method_not_allowed",
    )
    assert "GET" in wrong["Allow"]
    page = Client().get("/nowhere")
    assert page.status_code == 404
    assert b"eference" in page.content


@pytest.mark.django_db
def test_a_form_without_its_token_is_told_so() -> None:
    answer = Client(enforce_csrf_checks=True).post("/sign-in", {"username": "a"})
    assert answer.status_code == 403
    assert "did not come from a page of this site" in answer.content.decode()


@pytest.mark.django_db
def test_an_unforeseen_failure_is_logged_with_its_reference(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*args: object, **kwargs: object) -> None:
        raise ZeroDivisionError("inside")

    monkeypatch.setattr("ingestion.api.collections_visible_to", broken)
    client = client_of(factories.alice())
    answer = client.get("/api/v1/collections")
    assert answer.status_code == 500
    reference = answer.json()["error"]["reference"]
    assert answer["X-Reference"] == reference
    logged = [r for r in caplog.records if r.name == "rag_site.problems"]
    assert "ZeroDivisionError" in str(logged[0].exc_info)
    assert b"inside" not in answer.content


@pytest.mark.django_db
def test_the_audit_knows_who_where_and_which_request() -> None:
    client = client_of(factories.alice())
    answer = client.post(
        "/api/v1/collections", {"name": "x"}, content_type="application/json"
    )
    event = AuditEvent.objects.get(action="collection.created")
    assert (event.user_name, event.via, event.address) == ("alice", "api", "127.0.0.1")
    assert event.reference == answer["X-Reference"]


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/sign-in", "/api/v1/collections", "/health/live"])
def test_every_answer_carries_the_safe_headers(path: str) -> None:
    answer = Client().get(path)
    policy = answer["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["X-Frame-Options"] == "DENY"
    assert answer["Cross-Origin-Opener-Policy"] == "same-origin"
    assert (
        "no-store" in answer["Cache-Control"] or "no-cache" in answer["Cache-Control"]
    )
    assert "Access-Control-Allow-Origin" not in answer


@pytest.mark.django_db
def test_a_foreign_host_is_refused() -> None:
    assert (
        Client().get("/health/live", headers={"Host": "evil.example"}).status_code
        == 400
    )
