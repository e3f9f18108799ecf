"""The only server entry point: token streaming needs ASGI."""

from __future__ import annotations

import io
import os
import shutil
import tempfile
from typing import cast
from uuid import UUID

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "rag_site.settings")
_django = get_asgi_application()

from asgiref.sync import ThreadSensitiveContext, sync_to_async  # noqa: E402
from django.conf import settings  # noqa: E402 - Django is set up above
from django.contrib.auth.middleware import AuthenticationMiddleware  # noqa: E402
from django.contrib.sessions.middleware import SessionMiddleware  # noqa: E402
from django.core.handlers.asgi import ASGIRequest  # noqa: E402
from django.db import connection  # noqa: E402
from django.http import HttpRequest, HttpResponse  # noqa: E402

from ingestion.models import Role  # noqa: E402
from ingestion.visibility import get_collection_for  # noqa: E402
from rag_site.access import checked  # noqa: E402
from rag_site.addresses import addressed  # noqa: E402
from rag_site.asking import Asker  # noqa: E402
from rag_site.body_limit import (  # noqa: E402
    UPLOAD_PATH,
    App,
    BodyLimits,
    Receive,
    Scope,
    Send,
    limit_bodies,
)
from rag_site.credentials import identify, names_a_key  # noqa: E402
from rag_site.errors import NotSignedIn  # noqa: E402
from rag_site.middleware import address_of  # noqa: E402
from rag_site.sign_in_required import SignedOut  # noqa: E402


def _limits() -> BodyLimits:
    return BodyLimits(
        body_bytes=settings.MAX_BODY_KB << 10,
        file_bytes=settings.MAX_UPLOAD_MB << 20,
        files=settings.MAX_FILES_PER_UPLOAD,
        idle_s=settings.BODY_TIMEOUT_S,
        check_sender=_check_sender,
        room_bytes=_room_bytes,
    )


def _room_bytes() -> int:
    free = shutil.disk_usage(settings.FILE_UPLOAD_TEMP_DIR).free
    return free - (settings.MIN_FREE_DISK_MB << 20)


async def _check_sender(scope: Scope) -> None:
    """Let nobody fill the disk who may not write; the view checks it again."""
    async with ThreadSensitiveContext():
        await sync_to_async(_check_rights)(scope)


def _check_rights(scope: Scope) -> None:
    request = ASGIRequest(dict(scope), io.BytesIO())
    SessionMiddleware(_no_view).process_request(request)
    AuthenticationMiddleware(_no_view).process_request(request)
    # The token may be in the body, which is not here yet; the view checks it.
    request.csrf_processing_done = True  # type: ignore[attr-defined]  # Django's own mark
    found = UPLOAD_PATH.match(scope["path"])
    try:
        # Wrong keys are counted by where they come from.
        with addressed(address_of(request)):
            asker = checked(_who_sends(request), "ingest")
        if found is not None:
            get_collection_for(asker, UUID(found["pk"]), Role.WRITER)
    finally:
        connection.close()


def _who_sends(request: HttpRequest) -> Asker:
    """Identify the sender; a person at a page is told of no API key."""
    try:
        return identify(request)
    except NotSignedIn as exc:
        if names_a_key(request) or request.path.startswith("/api/"):
            raise
        raise SignedOut("You are signed out. Sign in, then add it again.") from exc


def _no_view(request: HttpRequest) -> HttpResponse:
    return HttpResponse()


def _serve(django: App) -> App:
    """Answer the server's own messages; Django knows requests only."""

    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await django(scope, receive, send)
        elif scope["type"] == "lifespan":
            await _live(receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1000})

    return serve


async def _live(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return


# Django spools bodies to the system's folder for temporary files, which may be
# memory; uploads have a place of their own.
settings.FILE_UPLOAD_TEMP_DIR.mkdir(parents=True, exist_ok=True)
tempfile.tempdir = str(settings.FILE_UPLOAD_TEMP_DIR)
application = _serve(limit_bodies(cast("App", _django), _limits()))
