"""What clients that are made from the OpenAPI document rely on."""

from __future__ import annotations

import json
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.test import AsyncClient

from tests import factories
from tests.api.test_matrix import ROUTES, World, operations, world  # noqa: F401
from tests.keyed import make_key

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize("name", [name for name in ROUTES if "{pk}" in name])
async def test_an_id_may_be_sent_in_capitals(world: World, name: str) -> None:  # noqa: F811
    """As some languages write a UUID: RFC 9562 has it read in any case."""
    method, template = name.split(" ")
    pk = world.path("/".join(template.split("/")[:3])).rpartition("/")[2]
    secret = await sync_to_async(lambda: make_key(factories.alice()))()
    upload = b'--x\r\nContent-Disposition: form-data; name="files"; filename="a.txt"'
    body = f"{upload.decode()}\r\n\r\ntext\r\n--x--\r\n"
    is_upload = ROUTES[name].is_upload
    answer = await AsyncClient().generic(
        method,
        f"/api/v1{world.path(template).replace(pk, pk.upper())}",
        body if is_upload else json.dumps(ROUTES[name].body or {}),
        content_type="multipart/form-data; boundary=x"
        if is_upload
        else "application/json",
        headers={"Authorization": f"Bearer {secret}"},
    )
    # Where 404 is the right answer, it is not the one for an unknown document.
    if 404 not in ROUTES[name].good:
        assert answer.status_code in ROUTES[name].good


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/documents/{pk}/file", "*/*"),
        ("/documents/{pk}/text", "text/plain"),
        ("/documents/{pk}/pages/{number}.png", "image/png"),
        ("/answers/{pk}/events", "text/event-stream"),
    ],
)
def test_what_is_no_json_is_described(path: str, kind: str) -> None:
    responses = operations()[f"GET {path}"]["responses"]
    found: dict[str, Any] = responses.get("200", responses.get(200))
    assert set(found["content"]) == {kind}


def test_resuming_is_described() -> None:
    operation = operations()["GET /answers/{pk}/events"]
    names = {(one["in"], one["name"]) for one in operation["parameters"]}
    assert ("header", "Last-Event-ID") in names
    assert {"200", "204"} <= {str(status) for status in operation["responses"]}
