"""System checks: tell the operator before a user finds out.

Those that ask the database run with `manage.py check --database default` and
before `migrate`.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.core import checks
from django.core.checks import CheckMessage, Error, Tags, register
from django.db import DatabaseError, connections

from rag_site import env

# PostgreSQL 15 and older lack what the migrations use, and 14 has ended.
MIN_POSTGRES = 160_000
# 0.8.2 overflows in parallel builds (CVE-2026-3172), 0.8.3 may corrupt an index
# on vacuum; 0.8.4 repairs the graph.
MIN_PGVECTOR = (0, 8, 4)
# Connections that workers, shells and the server itself need beside the pool.
OTHER_CONNECTIONS = 20

# Read by the set-up, or by docker-compose.yml alone.
_NAMES_BESIDE = {
    "PLUMBLINE_CACHE",
    "PLUMBLINE_CMAKE_ARGS",
    "PLUMBLINE_TORCH_INDEX",
    "PLUMBLINE_WEIGHTS_FROM",
    "PLUMBLINE_WEIGHT_DIGESTS",
    "PLUMBLINE_PORT",
    "PLUMBLINE_TAG",
}

Apps = Sequence[AppConfig] | None


@register(Tags.files)
def check_folders(app_configs: Apps, **_kwargs: Any) -> list[CheckMessage]:
    folders = (settings.FILES_DIR, Path(settings.FILE_UPLOAD_TEMP_DIR))
    return [
        Error(
            f"{folder} cannot be written.",
            hint="Create it and give it to the user that the site runs as, or set "
            "PLUMBLINE_VAR or PLUMBLINE_FILES to another folder.",
            id="rag.E001",
        )
        for folder in folders
        if not _is_writable(folder)
    ]


@register(Tags.files)
def check_weights(app_configs: Apps, **_kwargs: Any) -> list[CheckMessage]:
    from rag_site.errors import RagError
    from rag_site.weights import UnknownWeights, path_of, weights_named

    needed = [(settings.EMBEDDER, "embedder", "rag.W001")]
    if not settings.MODEL_SERVER_URL:
        needed.append((settings.MODEL, "gguf", "rag.W002"))
    found: list[CheckMessage] = []
    for name, kind, code in needed:
        try:
            entry = weights_named(name)
        except UnknownWeights as exc:
            found.append(checks.Warning(exc.message, id=code))
            continue
        if entry.kind != kind:
            text = f"The model {name} is of the kind {entry.kind}, not {kind}."
            found.append(checks.Warning(text, id=code))
            continue
        try:
            is_here, words = path_of(entry).exists(), "is not here."
        except RagError as exc:  # of one whose digest nobody knows yet
            is_here, words = False, f"cannot be used: {exc.message}"
        if not is_here:
            action = "derive" if entry.derived_from else "fetch"
            hint = f"Run `manage.py models {action} {name}`."
            found.append(
                checks.Warning(f"The model {name} {words}", hint=hint, id=code)
            )
    return found


@register(Tags.files)
def check_second_models(app_configs: Apps, **_kwargs: Any) -> list[CheckMessage]:
    """Warn of a reranker or an entailment model that the site would do without."""
    from rag_site.weights import CATALOGUE
    from retrieval.cross_encoders import WEIGHTS_FILE, holds_weights

    chosen = {
        "PLUMBLINE_RERANKER": settings.RERANKER,
        "PLUMBLINE_ENTAILMENT": settings.ENTAILMENT,
    }
    return [
        checks.Warning(
            f"{name}={folder} is no folder that holds {WEIGHTS_FILE}.",
            hint="The site works without it. Put the model there, or unset the name.",
            id="rag.W005",
        )
        for name, folder in chosen.items()
        if folder and folder not in CATALOGUE
        if not holds_weights(Path(folder).expanduser())
    ]


@register
def check_names(app_configs: Apps, **_kwargs: Any) -> list[CheckMessage]:
    """Warn of a setting that is typed wrong, which would be passed over in silence."""
    known = env.ASKED | _NAMES_BESIDE
    unknown = {name for name in os.environ if name.startswith("PLUMBLINE_")} - known
    return [
        checks.Warning(
            f"{name} is no setting"
            + "".join(f"; {near} is one" for near in get_close_matches(name, known, 1))
            + ".",
            hint="docs/configuration.md lists them all.",
            id="rag.W007",
        )
        for name in sorted(unknown)
    ]


@register(Tags.security)
def check_proxies(app_configs: Apps, **_kwargs: Any) -> list[CheckMessage]:
    """Warn when TLS ends at a proxy that is not believed about its clients."""
    if not settings.HTTPS or settings.TRUSTED_PROXIES:
        return []
    return [
        checks.Warning(
            "The site is served over TLS, and PLUMBLINE_TRUSTED_PROXIES is empty: every "
            "request seems to come from the proxy.",
            hint="Set it to the proxy's address as the site sees it. Until then failed "
            "sign-ins of one person count for all, and the audit log names the proxy.",
            id="rag.W006",
        )
    ]


@register(Tags.files)
def check_text_recognition(app_configs: Apps, **_kwargs: Any) -> list[CheckMessage]:
    from ingestion.parsing.ocr_engines import installed

    if installed():
        return []
    return [
        checks.Info(
            "There is no text recognition (OCR): scans and pictures are not read.",
            hint="Run `make ocr`, or install Tesseract from the system's packages.",
            id="rag.I001",
        )
    ]


@register(Tags.database)
def check_database(
    app_configs: Apps, databases: Iterable[str] | None = None, **_kwargs: Any
) -> list[CheckMessage]:
    found: list[CheckMessage] = []
    for alias in databases or ():
        try:
            found += _check_server(alias)
        except DatabaseError as exc:
            hint = "Start Postgres, or correct DATABASE_URL."
            kind = type(exc).__name__
            text = f"The database does not answer ({kind})."
            found.append(Error(text, hint=hint, id="rag.E002"))
    return found


def _check_server(alias: str) -> list[CheckMessage]:
    found: list[CheckMessage] = []
    with connections[alias].cursor() as cursor:
        cursor.execute(
            "SELECT current_setting('server_version_num')::int,"
            " current_setting('max_connections')::int,"
            " coalesce((SELECT extversion FROM pg_extension WHERE extname = 'vector'),"
            " (SELECT default_version FROM pg_available_extensions"
            "  WHERE name = 'vector'), '')"
        )
        version, limit, vector = cursor.fetchone() or (0, 0, "")
    if version < MIN_POSTGRES:
        text = f"PostgreSQL {version // 10_000} is too old."
        hint = f"Use PostgreSQL {MIN_POSTGRES // 10_000} or newer."
        found.append(Error(text, hint=hint, id="rag.E003"))
    if _as_numbers(vector) < MIN_PGVECTOR:
        wanted = ".".join(map(str, MIN_PGVECTOR))
        text = f"pgvector {vector or '(none)'} cannot be used."
        hint = (
            f"Install pgvector {wanted} or newer; then ALTER EXTENSION vector UPDATE."
        )
        found.append(Error(text, hint=hint, id="rag.E004"))
    if limit < settings.DATABASE_POOL_SIZE + OTHER_CONNECTIONS:
        text = f"max_connections of Postgres is {limit}, too few for the pool."
        hint = "Raise it, or lower PLUMBLINE_DATABASE_POOL_SIZE."
        found.append(checks.Warning(text, hint=hint, id="rag.W003"))
    return found + _check_space(alias)


def _check_space(alias: str) -> list[CheckMessage]:
    """Say when the settings name another embedder than the one in use.

    The live space decides, so that a change of the model needs no restart.
    """
    from ingestion.models import Embedding, EmbeddingSpace
    from rag_site.weights import CATALOGUE

    entry = CATALOGUE.get(settings.EMBEDDER)
    if entry is None or EmbeddingSpace._meta.db_table not in _tables(alias):
        return []
    space = EmbeddingSpace.objects.filter(state=EmbeddingSpace.State.LIVE).first()
    if space is None or space.model_digest == entry.digest:
        return []
    if not Embedding.objects.filter(space=space).exists():  # replaced by itself
        return []
    return [
        checks.Warning(
            f"The stored vectors are of {space.model_name} ({space.dimension} numbers), "
            f"and the settings name {entry.name} ({entry.dimension}).",
            hint=f"{space.model_name} stays in use. Set "
            f"PLUMBLINE_EMBEDDER={space.model_name}, or change the model with "
            f"`manage.py reembed --model {entry.name}`.",
            id="rag.W004",
        )
    ]


def _tables(alias: str) -> list[str]:
    return connections[alias].introspection.table_names()


def _as_numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".") if part.isdigit())


def _is_writable(folder: Path) -> bool:
    """Whether it can be written, or made in the nearest folder that exists."""
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    return os.access(folder, os.W_OK | os.X_OK)
