"""Over a socket: heads of requests and parts of forms that cannot be read."""

from __future__ import annotations

import httpx
import pytest

from ingestion.models import Collection, Document
from tests.api.test_live import (  # noqa: F401 - pytest finds the fixtures here
    client,
    library,
    shaped,
    site,
)

pytestmark = pytest.mark.django_db(transaction=True)

NAME = b'Content-Disposition: form-data; name="files"; filename'


@pytest.mark.parametrize("path", ["collections", "collections/{pk}/documents"])
@pytest.mark.parametrize(
    "kind",
    [
        "application/json; charset*=foo''utf-8",
        "multipart/form-data; boundary*=foo''x",
        "multipart/form-data; boundary=x; charset=hex",
        "multipart/form-data; boundary=x; charset=idna",
    ],
)
def test_a_content_type_that_cannot_be_read_is_malformed(
    client: httpx.Client,  # noqa: F811
    library: Collection,  # noqa: F811
    path: str,
    kind: str,
) -> None:
    answer = client.post(
        f"/{path.format(pk=library.pk)}",
        content=b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\nb\r\n--x--',
        headers={"Content-Type": kind},
    )
    assert (answer.status_code, shaped(answer)) == (400, "invalid_input")
    assert "Content-Type" in answer.json()["error"]["message"]


def test_a_page_is_told_so_too(site: str) -> None:  # noqa: F811
    kind = "text/plain; charset*=foo''x"
    answer = httpx.get(f"{site}/sign-in", headers={"Content-Type": kind})
    assert answer.status_code == 400
    assert "eference" in answer.text


@pytest.mark.parametrize(
    "name",
    ['="Größe.txt"'.encode("latin-1"), b"*=foo''a.txt", b"*=utf-7''+2AA-.txt"],
)
def test_a_file_whose_name_cannot_be_read_is_not_passed_over(
    client: httpx.Client,  # noqa: F811
    library: Collection,  # noqa: F811
    name: bytes,
) -> None:
    parts = [(name, b"first"), (b'="ok.txt"', b"second")]
    body = b"".join(
        b"--x\r\n" + NAME + named + b"\r\n\r\n" + content + b"\r\n"
        for named, content in parts
    )
    answer = client.post(
        f"/collections/{library.pk}/documents",
        content=body + b"--x--\r\n",
        headers={"Content-Type": "multipart/form-data; boundary=x"},
    )
    assert (answer.status_code, shaped(answer)) == (400, "invalid_input")
    assert "UTF-8" in answer.json()["error"]["message"]
    assert Document.objects.filter(name="ok.txt").count() == 0


def test_a_refused_sender_is_told_what_other_requests_tell(
    site: str,  # noqa: F811
    library: Collection,  # noqa: F811
) -> None:
    def send(address: str) -> httpx.Response:
        return httpx.post(
            f"{site}/api/v1/collections/{library.pk}/documents",
            files=[("files", ("a.txt", b"x"))],
            headers={
                "Authorization": "Bearer plb_00000000_no",
                "X-Forwarded-For": address,
            },
        )

    assert send("192.0.2.1").headers["WWW-Authenticate"] == "Bearer"
    answers = [send("192.0.2.1") for _ in range(30)]
    assert answers[-1].status_code == 429
    assert int(answers[-1].headers["Retry-After"]) > 0
    # Others are counted by themselves.
    assert send("192.0.2.2").status_code == 401
