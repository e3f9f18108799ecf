"""`manage.py models`, the system checks, the first administrator's link."""

from __future__ import annotations

import datetime as dt
import io
import json
import os
import re
import struct
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings
from django.core.checks import run_checks
from django.core.management import call_command
from django.core.management.base import CommandError
from django.utils import timezone
from pytest_django import Settings

from rag_site import checks, first_admin
from rag_site.gguf import NotGguf, read_header
from rag_site.management.commands import models as models_command
from rag_site.models import OneTimeLink, User
from rag_site.weights import CATALOGUE, path_of, state
from tests.fakes_http import replying

SMOL = "smollm2-135m-instruct-q4_1"


def models(*arguments: str) -> dict[str, object]:
    out = io.StringIO()
    call_command("models", *arguments, "--json", stdout=out)
    found: dict[str, object] = json.loads(out.getvalue())
    return found


def test_list_is_one_json_document(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PLUMBLINE_WEIGHTS", str(tmp_path))
    listed = models("list")["models"]
    assert isinstance(listed, list)
    assert {entry["name"] for entry in listed} == set(CATALOGUE)
    assert {entry["state"] for entry in listed} == {"missing"}
    assert all(entry["memory"]["total_bytes"] > entry["size_bytes"] for entry in listed)


def test_a_missing_model_fails_verification(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PLUMBLINE_WEIGHTS", str(tmp_path))
    with pytest.raises(SystemExit) as ended:
        call_command("models", "verify", SMOL, stdout=io.StringIO())
    assert ended.value.code == 1


@pytest.mark.parametrize("arguments", [["inspect"], ["fetch", "nobody"]])
def test_bad_arguments_end_with_status_2(arguments: list[str]) -> None:
    with pytest.raises(CommandError) as raised:
        call_command("models", *arguments)
    assert raised.value.returncode == 2


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PLUMBLINE_CONTEXT_TOKENS", "many"),
        ("PLUMBLINE_TIME_ZONE", "Mars"),
        ("PLUMBLINE_LOG_LEVEL", "loud"),
        ("DATABASE_URL", "pg:/anna:s3cret@x"),
        ("REDIS_URL", "localhost:6379"),
    ],
)
def test_a_wrong_setting_is_told_in_one_line(name: str, value: str) -> None:
    command = [sys.executable, str(settings.BASE_DIR / "manage.py"), "check"]
    environment = {**os.environ, name: value}
    ended = subprocess.run(
        command, env=environment, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 1
    assert ended.stderr.startswith(name)
    assert ended.stderr.count("\n") == 1
    assert "s3cret" not in ended.stderr


def gguf_bytes(version: int = 3) -> bytes:
    def text(value: str) -> bytes:
        return struct.pack("<Q", len(value.encode())) + value.encode()

    pairs = [
        text("general.architecture") + struct.pack("<I", 8) + text("tiny"),
        text("tiny.block_count") + struct.pack("<II", 4, 2),
        text("tiny.attention.head_count") + struct.pack("<II", 4, 4),
        text("tiny.attention.head_count_kv") + struct.pack("<II", 4, 1),
        text("tiny.embedding_length") + struct.pack("<II", 4, 64),
        text("tiny.context_length") + struct.pack("<II", 4, 512),
        text("tokenizer.ggml.tokens")
        + struct.pack("<IIQ", 9, 8, 3)
        + text("a")
        + text("bc")
        + text("é"),
        text("tokenizer.ggml.scores") + struct.pack("<IIQfff", 9, 6, 3, 0, 1, 2),
    ]
    tensors = [
        text("w") + struct.pack("<IQQIQ", 2, 64, 10, 12, 0),
        text("b") + struct.pack("<IQIQ", 1, 64, 0, 0),
    ]
    head = b"GGUF" + struct.pack("<IQQ", version, len(tensors), len(pairs))
    return head + b"".join(pairs) + b"".join(tensors)


def test_a_header_is_read_without_its_weights(tmp_path: Path) -> None:
    path = tmp_path / "tiny.gguf"
    path.write_bytes(gguf_bytes())
    header = read_header(path)
    assert (header.layers, header.heads, header.kv_heads, header.head_size) == (
        2,
        4,
        1,
        16,
    )
    assert (header.parameters, header.quantization) == (704, "Q4_K")
    assert (header.vocabulary, header.context_tokens) == (3, 512)
    # 2 (key, value) * 2 layers * 1 head * 16 numbers * 2 bytes
    assert header.cache_bytes(100) == 12_800


@pytest.mark.parametrize("length", range(4, 400, 37))
def test_a_cut_header_is_refused(tmp_path: Path, length: int) -> None:
    path = tmp_path / "cut.gguf"
    path.write_bytes(gguf_bytes()[:length])
    with pytest.raises(NotGguf):
        read_header(path)


@pytest.mark.parametrize("data", [b"PK\x03\x04 a zip", gguf_bytes(version=9)])
def test_other_files_are_refused(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "other"
    path.write_bytes(data)
    with pytest.raises(NotGguf):
        read_header(path)


@pytest.mark.models
def test_inspect_says_what_a_model_needs() -> None:
    if state(SMOL) == "missing":
        pytest.skip(f"{SMOL} is not here: `manage.py models fetch {SMOL}`")
    report = models("inspect", SMOL)
    assert isinstance(report["header"], dict)
    assert (report["header"]["layers"], report["header"]["kv_heads"]) == (30, 3)
    assert isinstance(report["memory"], dict)
    assert report["memory"]["weights_bytes"] == path_of(CATALOGUE[SMOL]).stat().st_size
    assert report["memory"]["cache_bytes"] == 30 * 3 * 64 * 2 * 2 * 4096


@pytest.mark.django_db
def test_the_surroundings_of_the_tests_pass_the_checks() -> None:
    found = run_checks(databases=["default"], tags=["database", "files"])
    assert [message.id for message in found if message.id.startswith("rag.E")] == []


@pytest.mark.django_db
def test_old_servers_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "MIN_POSTGRES", 990_000)
    monkeypatch.setattr(checks, "MIN_PGVECTOR", (99,))
    found = checks.check_database(None, databases=["default"])
    assert [message.id for message in found] == ["rag.E003", "rag.E004"]
    assert all(message.hint for message in found)


@pytest.mark.django_db
def test_vectors_of_other_weights_are_noticed(settings: object) -> None:
    from model_bakery import baker

    from ingestion.models import EmbeddingSpace

    baker.make(
        EmbeddingSpace,
        model_name="another",
        model_digest="0" * 64,
        dimension=7,
        state=EmbeddingSpace.State.LIVE,
    )
    # Empty spaces are replaced by themselves.
    assert checks._check_space("default") == []


def test_a_folder_that_cannot_be_written_is_named(
    settings: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checks.os, "access", lambda *_: False)
    found = checks.check_folders(None)
    assert {message.id for message in found} == {"rag.E001"}


def test_missing_models_are_warned_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PLUMBLINE_WEIGHTS", str(tmp_path))
    found = {message.id: message.hint for message in checks.check_weights(None)}
    assert "rag.W001" in found
    assert "models fetch" in str(found["rag.W001"])


def test_a_name_of_no_model_is_told_without_a_command_that_fails(
    settings: Settings,
) -> None:
    settings.EMBEDDER = "nosuch"
    (found,) = (one for one in checks.check_weights(None) if one.id == "rag.W001")
    assert "'nosuch'. Known are: " in found.msg
    assert found.hint is None


def test_a_model_of_another_kind_is_told(settings: Settings) -> None:
    settings.EMBEDDER = SMOL
    (found,) = (one for one in checks.check_weights(None) if one.id == "rag.W001")
    assert found.msg == f"The model {SMOL} is of the kind gguf, not embedder."


def test_a_name_that_is_no_setting_is_told_with_the_one_that_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in [name for name in os.environ if name.startswith("PLUMBLINE_TEST")]:
        monkeypatch.delenv(name)
    documented = (settings.BASE_DIR / "docs" / "configuration.md").read_text()
    for name in re.findall(r"^\| `(PLUMBLINE_[A-Z_]+)`", documented, re.MULTILINE):
        monkeypatch.setenv(name, "1")
    assert checks.check_names(None) == []
    monkeypatch.setenv("PLUMBLINE_MODEL_SLOT", "2")
    (found,) = checks.check_names(None)
    assert found.id == "rag.W007"
    told = "PLUMBLINE_MODEL_SLOT is no setting; PLUMBLINE_MODEL_SLOTS is one."
    assert found.msg == told


def test_a_swap_that_does_not_come_about_says_so(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(models_command, "_await_model", lambda *_: False)
    with replying(lambda *_: (202, "{}")) as url:
        settings.MODEL_SERVER_URL = url
        with pytest.raises(CommandError, match="was not loaded within"):
            models("swap", SMOL)


def test_tls_without_a_trusted_proxy_is_warned_of(settings: Settings) -> None:
    assert checks.check_proxies(None) == []
    settings.HTTPS = True
    (found,) = checks.check_proxies(None)
    assert found.id == "rag.W006"
    settings.TRUSTED_PROXIES = ["10.0.0.1"]
    assert checks.check_proxies(None) == []


def test_a_second_model_that_is_away_is_warned_of(
    settings: Settings, tmp_path: Path
) -> None:
    settings.RERANKER, settings.ENTAILMENT = "", str(tmp_path)
    (found,) = checks.check_second_models(None)
    assert found.msg.startswith(f"PLUMBLINE_ENTAILMENT={tmp_path} is no folder")
    (tmp_path / "model.safetensors").touch()
    assert checks.check_second_models(None) == []


@pytest.mark.django_db
def test_the_link_works_for_the_newest_start_only() -> None:
    first, second = first_admin.new_token(), first_admin.new_token()
    assert first
    assert second
    links = OneTimeLink.objects.all()
    assert [link.digest for link in links] == [first_admin.token_digest(second)]
    assert second not in str(links.values())
    lifetime = links[0].expires_at - timezone.now()
    assert dt.timedelta(hours=23) < lifetime <= first_admin.LIFETIME


@pytest.mark.django_db
def test_no_link_once_there_is_an_administrator() -> None:
    User.objects.create_superuser("root", password=None)
    assert first_admin.new_token() is None
