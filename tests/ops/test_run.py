"""`manage.py run`: what it starts with, and what it refuses."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest
from django.core.management import CommandError, call_command
from django.http.request import split_domain_port, validate_host
from pytest_django import Settings

from rag_site import site_parts
from rag_site.embedded import free_port
from rag_site.management.commands import run

SMALL = "smollm2-135m-instruct-q4_1"


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("127.0.0.1", "http://localhost:8000"),
        ("0.0.0.0", "http://localhost:8000"),
        ("::", "http://localhost:8000"),
        ("::1", "http://localhost:8000"),
        ("192.168.1.5", "http://192.168.1.5:8000"),
        ("fd00::5", "http://[fd00::5]:8000"),
    ],
)
def test_the_web_process_serves_the_names_that_the_run_itself_uses(
    host: str, address: str, settings: Settings
) -> None:
    settings.ALLOWED_HOSTS = ["docs.example.org"]
    part = site_parts.web(host, 8000)
    served = part.environment["PLUMBLINE_ALLOWED_HOSTS"].split(",")
    assert site_parts.address_of(host, 8000) == address
    for url in (part.health_url, address, "http://docs.example.org"):
        name, _ = split_domain_port(urlsplit(url).netloc)
        assert validate_host(name, served), url
    assert not validate_host("elsewhere.example.org", served)


@pytest.mark.parametrize("port", ["0", "70000", "-1", "http"])
def test_what_is_no_port_is_a_bad_argument(port: str) -> None:
    with pytest.raises(CommandError, match="is no port: use 1 to 65535"):
        call_command("run", f"--port={port}")


@pytest.mark.parametrize("model", ["nosuch", "all-minilm-l6-v2"])
def test_what_cannot_answer_is_a_bad_argument(model: str, settings: Settings) -> None:
    settings.MODEL_SERVER_URL = ""
    with pytest.raises(CommandError) as raised:
        call_command("run", "--model", model, "--port", str(free_port()))
    assert raised.value.returncode == 2


def test_another_server_may_call_its_model_as_it_likes(settings: Settings) -> None:
    settings.MODEL_SERVER_URL = "http://gpu.example.org:8000"
    site = run._describe("127.0.0.1", 8000, "Qwen/Qwen3-8B")
    assert site.model == "Qwen/Qwen3-8B"
    assert site.model_server_url == settings.MODEL_SERVER_URL


def test_a_model_that_answers_is_no_embedder(settings: Settings) -> None:
    settings.EMBEDDER = SMALL
    with pytest.raises(run.InvalidInput, match="PLUMBLINE_EMBEDDER"):
        run._describe("127.0.0.1", 8000, SMALL)
