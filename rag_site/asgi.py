"""The only server entry point: token streaming needs ASGI."""

from __future__ import annotations

import os

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "rag_site.settings")
_django = get_asgi_application()

from django.conf import settings  # noqa: E402 - Django is set up above

from rag_site.body_limit import (  # noqa: E402
    SLACK_BYTES,
    App,
    BodyLimits,
    Receive,
    Scope,
    Send,
    limit_bodies,
)


def _limits() -> BodyLimits:
    files = settings.MAX_FILES_PER_UPLOAD * settings.MAX_UPLOAD_MB * 1_000_000
    return BodyLimits(
        body_bytes=settings.MAX_BODY_KB * 1024,
        upload_bytes=files + SLACK_BYTES,
        idle_s=settings.BODY_TIMEOUT_S,
    )


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


application = _serve(limit_bodies(_django, _limits()))
