"""What each part of the site is doing, answered within two seconds.

Every check runs beside the others and has a deadline: a health page that
hangs while a part is down would itself be a part that is down.
"""

from __future__ import annotations

import datetime as dt
import logging
import shutil
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import Any

import httpx
import psycopg
import redis
from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.db import Error as AnyDatabaseError
from django.http import HttpRequest, HttpResponse, JsonResponse
from redis.backoff import NoBackoff
from redis.retry import Retry

from rag_site.own_connection import own_connection

logger = logging.getLogger(__name__)

DEADLINE_S = 1.5
# Three missed beats of 30 s (docs/architecture.md).
HEARTBEAT_MAX_AGE = dt.timedelta(seconds=100)


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One part of the site.

    Attributes:
        message: one sentence, safe to show to anyone.
        what_to_do: for the operator, "" while all is well.
        detail: versions and figures for staff; never a secret or an address.
    """

    name: str
    ok: bool
    message: str
    what_to_do: str = ""
    detail: str = ""


def parts() -> list[Part]:
    """Check every part at once, each within ``DEADLINE_S``."""
    running = [(name, what, _POOL.submit(check)) for name, what, check in _CHECKS]
    wait([future for *_, future in running], timeout=DEADLINE_S)
    return [_result(name, what, future) for name, what, future in running]


def embedding() -> dict[str, object]:
    """Return the embedding spaces, and whether one is being built; none while Postgres is away."""
    from ingestion.models import EmbeddingSpace

    try:
        spaces = list(EmbeddingSpace.objects.order_by("pk"))
    except AnyDatabaseError:
        spaces = []
    building = EmbeddingSpace.State.BUILDING
    is_building = any(space.state == building for space in spaces)
    return {"spaces": spaces, "is_reembedding": is_building}


@login_not_required
async def live(request: HttpRequest) -> HttpResponse:
    """Say that the process answers; nothing else is asked."""
    return JsonResponse({"status": "ok"})


@login_not_required
def ready(request: HttpRequest) -> HttpResponse:
    """Say whether questions and documents would be served, and which part is not."""
    found = parts()
    is_ready = all(part.ok for part in found)
    response = JsonResponse(
        {
            "status": "ok" if is_ready else "unavailable",
            "parts": [
                {"name": part.name, "ok": part.ok, "message": part.message}
                for part in found
            ],
        },
        status=200 if is_ready else 503,
    )
    if not is_ready:
        response["Retry-After"] = "5"
    return response


# Bounded, so that checks hanging on a dead server cannot pile up threads.
_POOL = ThreadPoolExecutor(max_workers=10, thread_name_prefix="health")


def _result(name: str, what_to_do: str, future: Future[Part]) -> Part:
    if not future.done():
        future.cancel()
        return Part(
            name=name,
            ok=False,
            message=f"No answer within {DEADLINE_S} seconds.",
            what_to_do=what_to_do,
        )
    exc = future.exception()
    if exc is None:
        return future.result()
    logger.warning("%s is not well: %s", name, type(exc).__name__)
    return Part(
        name=name,
        ok=False,
        message="Not answering.",
        what_to_do=what_to_do,
        detail=type(exc).__name__,
    )


def _database() -> Part:
    with _connect() as link:
        version, extension = link.execute(
            "SELECT current_setting('server_version'),"
            " (SELECT extversion FROM pg_extension WHERE extname = 'vector')"
        ).fetchone() or ("", "")
    return Part(
        name="database",
        ok=True,
        message="Answering.",
        detail=f"Postgres {version}, pgvector {extension}",
    )


def _connect() -> psycopg.Connection[Any]:
    """Open a connection of its own: the pool may be what is exhausted."""
    return own_connection(connect_s=2, statement_s=1)


def _redis() -> Part:
    client = redis.Redis.from_url(
        settings.REDIS_URL or "redis://127.0.0.1:1/0",
        socket_timeout=1,
        socket_connect_timeout=1,
        retry=Retry(NoBackoff(), 0),
    )
    try:
        version = client.info("server").get("redis_version", "")
    finally:
        client.close()
    return Part(name="redis", ok=True, message="Answering.", detail=str(version))


def _model_server() -> Part:
    if not settings.MODEL_SERVER_URL:
        return Part(
            name="model",
            ok=False,
            message="No model server is configured.",
            what_to_do=_DO_MODEL,
        )
    root = settings.MODEL_SERVER_URL.rstrip("/").removesuffix("/v1")
    answer = httpx.get(f"{root}/health", timeout=1, trust_env=False)
    is_ok = answer.status_code == 200
    return Part(
        name="model",
        ok=is_ok,
        message="Answering." if is_ok else "Loading the model, or not able to.",
        what_to_do="" if is_ok else _DO_MODEL,
        detail=settings.MODEL,
    )


def _worker() -> Part:
    with _connect() as link:
        row = link.execute(
            "SELECT extract(epoch FROM now() - max(at))::float8, count(*)"
            " FROM ingestion_workerheartbeat WHERE at > now() - %s",
            [HEARTBEAT_MAX_AGE],
        ).fetchone()
    age, count = row or (None, 0)
    return Part(
        name="worker",
        ok=bool(count),
        message="Reading documents." if count else "No worker has reported lately.",
        what_to_do="" if count else _DO_WORKER,
        detail=f"{count} alive, last {age:.0f} s ago" if count else "",
    )


def _disk() -> Part:
    folder = settings.FILES_DIR
    folder.mkdir(parents=True, exist_ok=True)
    free_mb = shutil.disk_usage(folder).free // 1_000_000
    is_ok = free_mb >= settings.MIN_FREE_DISK_MB
    return Part(
        name="disk",
        ok=is_ok,
        message="Enough space." if is_ok else "Too little space for new documents.",
        what_to_do="" if is_ok else _DO_DISK,
        detail=f"{free_mb:,} MB free, at least {settings.MIN_FREE_DISK_MB:,} MB wanted",
    )


def _text_recognition() -> Part:
    """An extra: the site is well without it."""
    from ingestion.parsing.ocr_engines import installed

    found = installed()
    return Part(
        name="text recognition",
        ok=True,
        message="Scans and pictures are read."
        if found
        else "Scans and pictures are not read.",
        what_to_do="" if found else _DO_OCR,
        detail=", ".join(sorted(found.data)) if found else "",
    )


_DO_DATABASE = "Check that Postgres runs and that DATABASE_URL is right."
_DO_REDIS = "Check that Redis runs and that REDIS_URL is right. Nothing is lost."
_DO_MODEL = (
    "Check that the model server runs and that its weights are there: "
    "`manage.py models list`."
)
_DO_WORKER = "Check that a Celery worker and beat run; documents wait until then."
_DO_DISK = "Free some space, or move PLUMBLINE_FILES to a larger disk."
_DO_OCR = "Run `make ocr`, or install Tesseract from the system's packages."

_CHECKS: tuple[tuple[str, str, Callable[[], Part]], ...] = (
    ("database", _DO_DATABASE, _database),
    ("redis", _DO_REDIS, _redis),
    ("model", _DO_MODEL, _model_server),
    ("worker", _DO_WORKER, _worker),
    ("disk", _DO_DISK, _disk),
    ("text recognition", _DO_OCR, _text_recognition),
)
