"""Every route of the OpenAPI document, for every kind of asker.

A route without a line in ``ROUTES`` fails the suite: whoever adds one states
here who may use it.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import pytest
from asgiref.sync import sync_to_async
from django.core.files.uploadedfile import SimpleUploadedFile
from django.http.response import HttpResponseBase
from django.test import AsyncClient

from generation.models import Answer, Conversation
from ingestion.models import Collection, Document, Membership, Role
from ingestion.share_models import Share
from rag_site.api import api
from rag_site.asking import ALL_SCOPES, Scope
from rag_site.models import User
from rag_site.openapi import document_of
from tests import factories
from tests.fakes_llm import ScriptedLLM
from tests.keyed import make_key

pytestmark = pytest.mark.django_db(transaction=True)


@dataclass(frozen=True, kw_only=True)
class Route:
    """Who may: the role needed in the collection, or "own", or "anyone"."""

    role: str
    scope: Scope
    body: dict[str, Any] | None = None
    is_upload: bool = False
    # What the rightful asker may get.
    good: tuple[int, ...] = (200, 201, 202, 204)
    # Places in the body where a foreign id is tried.
    ids_in_body: dict[str, Any] = field(default_factory=dict)


ROUTES: dict[str, Route] = {
    "GET /collections": Route(role="anyone", scope="read"),
    "POST /collections": Route(role="anyone", scope="manage", body={"name": "New"}),
    "GET /collections/{pk}": Route(role="reader", scope="read"),
    "PATCH /collections/{pk}": Route(
        role="manager", scope="manage", body={"description": "x"}
    ),
    "DELETE /collections/{pk}": Route(role="manager", scope="manage"),
    "GET /collections/{pk}/members": Route(role="reader", scope="read"),
    "POST /collections/{pk}/members": Route(
        role="manager", scope="manage", body={"user": "dora", "role": "reader"}
    ),
    "DELETE /collections/{pk}/members/{member}": Route(role="manager", scope="manage"),
    "POST /collections/{pk}/documents": Route(
        role="writer", scope="ingest", is_upload=True
    ),
    # Fetching is switched off, which only a writer may learn from the words.
    "POST /collections/{pk}/addresses": Route(
        role="writer",
        scope="ingest",
        body={"url": "https://example.org/a.txt"},
        good=(404,),
    ),
    "GET /documents": Route(
        role="anyone", scope="read", ids_in_body={"?collection": "collection"}
    ),
    "GET /documents/progress": Route(
        role="anyone", scope="read", ids_in_body={"?collection": "collection"}
    ),
    "GET /documents/{pk}": Route(role="reader", scope="read"),
    "DELETE /documents/{pk}": Route(role="writer", scope="ingest"),
    "POST /documents/{pk}/retry": Route(role="writer", scope="ingest"),
    # The world's document has been read, which only a writer learns.
    "POST /documents/{pk}/cancel": Route(role="writer", scope="ingest", good=(409,)),
    "PUT /documents/{pk}/tags": Route(
        role="writer", scope="ingest", body={"tags": ["travel"]}
    ),
    "GET /documents/{pk}/shares": Route(role="manager", scope="manage"),
    "POST /documents/{pk}/shares": Route(
        role="manager", scope="manage", body={"user": "writer"}
    ),
    "DELETE /documents/{pk}/shares/{share}": Route(role="manager", scope="manage"),
    "GET /documents/{pk}/file": Route(role="reader", scope="read"),
    "GET /documents/{pk}/text": Route(role="reader", scope="read"),
    # A text file has no page to look at, which only a reader learns.
    "GET /documents/{pk}/pages/{number}.png": Route(
        role="reader", scope="read", good=(404,)
    ),
    "POST /search": Route(
        role="anyone",
        scope="read",
        body={"question": "pump"},
        ids_in_body={"collections": ["collection"], "filters": {"documents": ["doc"]}},
    ),
    "POST /ask": Route(
        role="own-library",
        scope="ask",
        body={"question": "How many litres?"},
        ids_in_body={
            "collections": ["collection"],
            "conversation": "chat",
            "filters": {"documents": ["doc"]},
        },
    ),
    "GET /answers/{pk}": Route(role="own", scope="ask"),
    "GET /answers/{pk}/events": Route(role="own", scope="ask"),
    "POST /answers/{pk}/stop": Route(role="own", scope="ask"),
    "POST /answers/{pk}/feedback": Route(
        role="own", scope="ask", body={"rating": "up"}
    ),
    "GET /conversations": Route(role="anyone", scope="ask"),
    "POST /conversations": Route(
        role="anyone", scope="ask", body={}, ids_in_body={"collections": ["collection"]}
    ),
    "GET /conversations/{pk}": Route(role="own", scope="ask"),
    "DELETE /conversations/{pk}": Route(role="own", scope="ask"),
}
WHO_MAY = {
    "anyone": {"alice", "writer", "reader", "stranger"},
    "own-library": {"alice", "writer", "reader"},
    "reader": {"alice", "writer", "reader"},
    "writer": {"alice", "writer"},
    "manager": {"alice"},
    "own": {"alice"},
}
CAST = ("stranger", "reader", "writer", "alice")


def operations() -> dict[str, dict[str, Any]]:
    paths = document_of(api)["paths"]
    return {
        f"{method.upper()} {path.removeprefix('/api/v1')}": operation
        for path, methods in paths.items()
        for method, operation in methods.items()
    }


def test_every_route_says_who_may_use_it() -> None:
    found = operations()
    assert set(found) == set(ROUTES)
    assert {name: o["x-scope"] for name, o in found.items()} == {
        name: route.scope for name, route in ROUTES.items()
    }


@dataclass(frozen=True)
class World:
    """A collection of Alice's with all that hangs on it."""

    collection: Collection
    document: Document
    member: Membership
    share: Share
    chat: Conversation
    answer: Answer

    def path(self, template: str) -> str:
        kind = template.split("/")[1]
        row = {
            "collections": self.collection,
            "documents": self.document,
            "answers": self.answer,
            "conversations": self.chat,
        }.get(kind)
        filled = template.replace("{pk}", str(row.pk) if row else "")
        filled = filled.replace("{share}", str(self.share.pk))
        return filled.replace("{member}", str(self.member.pk)).replace("{number}", "1")

    def filled(self, value: Any) -> Any:
        """Put the world's ids where their names stand."""
        if isinstance(value, dict):
            return {key: self.filled(one) for key, one in value.items()}
        if isinstance(value, list):
            return [self.filled(one) for one in value]
        ids = {"collection": self.collection, "doc": self.document, "chat": self.chat}
        return str(ids[value].pk) if value in ids else value


@pytest.fixture
def world(model: ScriptedLLM) -> World:
    writer, reader = factories.make_user("writer"), factories.make_user("reader")
    collection = factories.make_collection(shared_with=writer, role=Role.WRITER)
    member = Membership.objects.create(
        collection=collection, user=reader, role="reader"
    )
    document = factories.make_ready_document(collection)
    dora = factories.make_user("dora")
    share = Share.objects.create(document=document, user=dora)
    chat = Conversation.objects.create(user=factories.alice())
    answer = Answer.objects.create(
        conversation=chat, question="q", state=Answer.State.DONE, text="Canary-7731."
    )
    return World(collection, document, member, share, chat, answer)


async def send(
    world: World, name: str, secret: str | None, body: Any = None, query: str = ""
) -> HttpResponseBase:
    method, template = name.split(" ")
    route = ROUTES[name]
    headers = {"Authorization": f"Bearer {secret}"} if secret else {}
    path = f"/api/v1{world.path(template)}{query}"
    call: Callable[..., Any] = getattr(AsyncClient(), method.lower())
    if route.is_upload:
        file = SimpleUploadedFile("a.txt", b"text", content_type="text/plain")
        answer = await call(path, {"files": [file]}, headers=headers)
    elif method == "GET":
        answer = await call(path, headers=headers)
    else:
        text = json.dumps(route.body if body is None else body)
        answer = await call(
            path, text, content_type="application/json", headers=headers
        )
    return answer  # type: ignore[no-any-return]


async def text_of(answer: Any) -> str:
    if answer.streaming:
        return b"".join([piece async for piece in answer]).decode()
    return str(answer.content.decode())


async def key_of(name: str, **options: Any) -> str:
    make = sync_to_async(lambda: make_key(_person(name), **options))
    return await make()


def _person(name: str) -> User:
    return {"stranger": factories.charlie, "alice": factories.alice}.get(
        name, lambda: factories.make_user(name)
    )()


@pytest.mark.parametrize("name", ROUTES)
async def test_rights(world: World, name: str) -> None:
    """The weakest comes first, so that a deletion by the entitled comes last."""
    route = ROUTES[name]
    for who in CAST:
        answer = await send(world, name, await key_of(who))
        if who in WHO_MAY[route.role]:
            assert answer.status_code in route.good, await text_of(answer)
            if not name.startswith("GET"):
                return
        else:
            await _check_stranger(world, route, answer)


async def _check_stranger(world: World, route: Route, answer: HttpResponseBase) -> None:
    text = await text_of(answer)
    expected = 409 if route.role == "own-library" else 404
    assert answer.status_code == expected, text
    assert json.loads(text)["error"]["code"] in {"not_found", "nothing_to_search"}
    for secret in ("Canary-7731", "40 litres", world.collection.name, "manual.txt"):
        assert secret not in text


@pytest.mark.parametrize("name", ROUTES)
async def test_nobody_and_no_longer_somebody(world: World, name: str) -> None:
    suspended = await key_of("alice")
    expired = await key_of("alice")
    await User.objects.filter(username="alice").aupdate(is_active=False)
    for secret in (None, "plb_00000000_wrong", suspended, expired, "nonsense"):
        answer = await send(world, name, secret)
        assert answer.status_code == 401, (name, secret)
        body = json.loads(await text_of(answer))
        assert set(body["error"]) == {"code", "message", "detail", "reference"}
        assert answer["X-Reference"] == body["error"]["reference"]
        assert answer["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize("name", ROUTES)
async def test_a_key_does_only_what_its_scope_says(world: World, name: str) -> None:
    route = ROUTES[name]
    others = ALL_SCOPES - {route.scope}
    answer = await send(world, name, await key_of("alice", scopes=others))
    body = json.loads(await text_of(answer))
    assert (answer.status_code, body["error"]["code"]) == (403, "scope_missing")
    assert body["error"]["detail"] == {"scope": route.scope}


@pytest.mark.parametrize(
    "name", [n for n, r in ROUTES.items() if r.role != "anyone" and r.role != "own"]
)
async def test_a_key_for_another_collection_sees_nothing(
    world: World, name: str
) -> None:
    other = await sync_to_async(lambda: factories.make_collection(name="Other").pk)()
    answer = await send(world, name, await key_of("alice", collections=[other]))
    expected = 409 if ROUTES[name].role == "own-library" else 404
    assert answer.status_code == expected


@pytest.mark.parametrize(
    ("name", "place"), [(n, p) for n, r in ROUTES.items() for p in r.ids_in_body]
)
async def test_a_foreign_id_in_the_body_is_not_found(
    world: World, name: str, place: str
) -> None:
    await sync_to_async(_own_library)()
    before = await Answer.objects.acount(), await Conversation.objects.acount()
    value = world.filled(ROUTES[name].ids_in_body[place])
    secret = await key_of("stranger")
    if place.startswith("?"):
        answer = await send(world, name, secret, query=f"{place}={value}")
    else:
        body = {**(ROUTES[name].body or {}), place: value}
        answer = await send(world, name, secret, body)
    assert answer.status_code == 404, await text_of(answer)
    assert (
        await Answer.objects.acount(),
        await Conversation.objects.acount(),
    ) == before


def _own_library() -> None:
    own = factories.make_collection(factories.charlie(), "Own")
    factories.make_ready_document(own, "own.txt", ["Something else."])


@pytest.mark.parametrize("name", [n for n in ROUTES if "{pk}" in n])
async def test_an_unknown_id_is_not_found(world: World, name: str) -> None:
    method, template = name.split(" ")
    template = template.replace("{member}", "1").replace("{number}", "1")
    secret = await key_of("alice")
    for pk in (uuid4(), "1", "../1", "x" * 300, "%00"):
        path = f"/api/v1{template.replace('{pk}', str(pk))}"
        answer = await getattr(AsyncClient(), method.lower())(
            path,
            **({} if method == "GET" else {"content_type": "application/json"}),
            headers={"Authorization": f"Bearer {secret}"},
        )
        expected = {404, 422} if ROUTES[name].body or ROUTES[name].is_upload else {404}
        assert answer.status_code in expected, (path, answer.status_code)


BROKEN = (
    "",
    "{",
    "null",
    "[1]",
    '"text"',
    '{"question": NaN}',
    '{"k": Infinity}',
    '{"name": "a", "name": "b"}',
    '{"is_staff": true}',
    '{"owner": 1, "name": "x"}',
    "[" * 100_000,
    '{"a":' * 5_000 + "1" + "}" * 5_000,
    '{"k": ' + "9" * 5_000 + "}",
    '{"question": "\\ud800", "name": "\\ud800"}',
    '{"question": "\\u0000", "name": "\\u0000"}',
    "\xff\xfe",
)


@pytest.mark.parametrize("name", [n for n, r in ROUTES.items() if r.body is not None])
async def test_a_broken_body_is_refused(world: World, name: str) -> None:
    method, template = name.split(" ")
    secret = await key_of("alice")
    for text in BROKEN:
        answer = await getattr(AsyncClient(), method.lower())(
            f"/api/v1{world.path(template)}",
            text.encode("latin-1"),
            content_type="application/json",
            headers={"Authorization": f"Bearer {secret}"},
        )
        assert answer.status_code in {400, 422}, (text[:40], answer.content)
        assert answer.json()["error"]["code"] in {"invalid_input", "validation_failed"}


@pytest.mark.parametrize("name", [n for n in ROUTES if not n.startswith("GET")])
async def test_a_session_needs_its_csrf_token(world: World, name: str) -> None:
    method, template = name.split(" ")
    client = AsyncClient(enforce_csrf_checks=True)
    await client.aforce_login(await User.objects.aget(username="alice"))
    call = getattr(client, method.lower())
    path, text = f"/api/v1{world.path(template)}", json.dumps(ROUTES[name].body)
    for kind in ("application/json", "application/x-www-form-urlencoded"):
        answer = await call(path, text, content_type=kind)
        assert (answer.status_code, answer.json()["error"]["code"]) == (
            403,
            "csrf_failed",
        )


def test_the_document_is_complete() -> None:
    document = document_of(api)
    assert document["openapi"].startswith("3.1")
    text = json.dumps(document)
    names = set(document["components"]["schemas"])
    used = {part.split('"')[0] for part in text.split("#/components/schemas/")[1:]}
    assert used <= names
    ids = [operation["operationId"] for operation in operations().values()]
    assert len(ids) == len(set(ids))
    for name, operation in operations().items():
        assert operation["description"], name
        assert {"401", "403", "404", "422", "429"} <= set(operation["responses"]), name
    takes_key = {
        operation["operationId"]
        for operation in operations().values()
        if "Idempotency-Key" in str(operation["parameters"])
    }
    assert {"ask", "fetch_add_address", "sharing_share_document"} <= takes_key
