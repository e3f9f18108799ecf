"""Serve the weights on loopback: `manage.py serve_model --port 8081`."""

from __future__ import annotations

import argparse
import os
import socket
import sys
import threading
import time
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from rag_site.errors import RagError


class Command(BaseCommand):
    help = "Serve the answering model and the query embedder over the OpenAI protocol."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--host", default="127.0.0.1")
        parser.add_argument("--port", type=int, default=8081)
        parser.add_argument("--model", default="", help="a name of `models list`")
        parser.add_argument(
            "--lazy-embedder", action="store_true", help="load it when it is asked for"
        )
        parser.add_argument(
            "--with-parent",
            action="store_true",
            help="end when the parent process ends",
        )
        # Of the keeper, for the process that holds the weights.
        parser.add_argument("--socket", type=int, help=argparse.SUPPRESS)
        parser.add_argument("--pipe", type=int, help=argparse.SUPPRESS)

    def handle(self, *_args: Any, **options: Any) -> None:
        if not settings.MODEL_SERVER_KEY:
            raise CommandError(
                "Set PLUMBLINE_MODEL_SERVER_KEY to a random string: callers send it.",
                returncode=2,
            )
        if options["socket"] is not None:
            _serve(options)
            return
        if options["with_parent"]:
            _end_with_parent()
        status = _keep(options)
        if status:
            sys.exit(status)


def _serve(options: dict[str, Any]) -> None:
    """Be the process that holds the weights."""
    from generation.server.serving import serve

    listening = socket.socket(fileno=options["socket"])
    warm = not options["lazy_embedder"]
    try:
        serve(options["model"], listening, options["pipe"], warm=warm)
    except RagError as exc:
        raise CommandError(exc.message) from exc


def _keep(options: dict[str, Any]) -> int:
    from generation.server.keeping import Keeper

    try:
        keeper = Keeper(
            options["host"],
            options["port"],
            model=options["model"] or settings.MODEL,
            drain_s=settings.ANSWER_WALL_S + 5,
        )
    except OSError as exc:
        where = f"{options['host']}:{options['port']}"
        raise CommandError(
            f"{where} cannot be listened on: {exc.strerror}. Choose another --port."
        ) from exc
    return keeper.run(extra=["--lazy-embedder"] if options["lazy_embedder"] else [])


def _end_with_parent() -> None:
    """End this process within a second of its parent, also after SIGKILL.

    The process with the weights ends with it: its pipe breaks.
    """
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1)
        os._exit(0)

    threading.Thread(target=watch, name="parent", daemon=True).start()
