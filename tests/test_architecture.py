"""Promises about the shape of the code, checked by looking at it."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import call_command

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("rag_site", "ingestion", "retrieval", "generation")
HEAVY = ("torch", "llama_cpp", "sentence_transformers", "transformers")


def _modules_after(code: str) -> set[str]:
    """Run ``code`` in a fresh interpreter and return what it imported."""
    script = f"{code}\nimport json, sys; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=ROOT,
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "rag_site.settings"},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stdout.splitlines()[-1]))


@pytest.mark.parametrize(
    "code",
    [
        (
            "import django; django.setup(); import rag_site.asgi, rag_site.urls; "
            "from django.urls import get_resolver; get_resolver().url_patterns"
        ),
        "import django; django.setup(); import ingestion.tasks, generation.tasks",
    ],
    ids=["web", "tasks"],
)
def test_no_weights_library_is_imported_by(code: str) -> None:
    imported = _modules_after(code)
    assert "django" in imported  # the look-up itself works
    assert not imported & set(HEAVY)


def test_the_check_above_would_see_a_heavy_import() -> None:
    assert "llama_cpp" in _modules_after("import llama_cpp")


def test_imports_flow_against_the_data() -> None:
    done = subprocess.run(
        [Path(sys.executable).parent / "lint-imports"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.django_db
def test_models_and_migrations_agree() -> None:
    out = StringIO()
    call_command("makemigrations", check=True, dry_run=True, stdout=out)
    assert "No changes" in out.getvalue()


def _sources() -> list[Path]:
    return [
        path
        for package in PACKAGES
        for path in (ROOT / package).rglob("*.py")
        if "migrations" not in path.parts
    ]


def test_files_and_functions_keep_to_the_house_budget() -> None:
    over: list[str] = []
    for path in _sources():
        text = path.read_text()
        name = path.relative_to(ROOT)
        if text.count("\n") > 400:
            over.append(f"{name}: {text.count(chr(10))} lines")
        over += [
            f"{name}:{node.lineno} {node.name}"
            for node in ast.walk(ast.parse(text))
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
            and (node.end_lineno or 0) - node.lineno + 1 > 50
        ]
    assert _sources()
    assert over == []


def test_no_pickle_and_no_remote_code() -> None:
    """Only safetensors and GGUF are loaded, and configuration never runs code."""
    forbidden = ("import pickle", "torch.load(", "trust_remote_code=True", "eval(")
    found = [
        f"{path.relative_to(ROOT)}: {word}"
        for path in _sources()
        for word in forbidden
        if word in path.read_text().replace(".eval(", "")
    ]
    assert found == []
