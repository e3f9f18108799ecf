"""Serve the weights on loopback: `manage.py serve_model --port 8081`."""

from __future__ import annotations

import logging
import os
import threading
import time
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from rag_site.errors import RagError

logger = logging.getLogger(__name__)


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

    def handle(self, *_args: Any, **options: Any) -> None:
        if not settings.MODEL_SERVER_KEY:
            raise CommandError(
                "Set PLUMBLINE_MODEL_SERVER_KEY to a random string: callers send it.",
                returncode=2,
            )
        if options["with_parent"]:
            _end_with_parent()
        try:
            _serve(
                options["host"],
                options["port"],
                options["model"],
                warm=not options["lazy_embedder"],
            )
        except RagError as exc:
            raise CommandError(exc.message) from exc


def _serve(host: str, port: int, model: str, *, warm: bool) -> None:
    import uvicorn

    from generation.server.app import create_app
    from generation.server.config import ServerConfig
    from generation.server.engine import Engine
    from generation.server.native import Shape, Weights
    from generation.server.questions import QuestionEmbedder
    from ingestion.embedding import load_embedder
    from rag_site.weights import CATALOGUE

    config = ServerConfig.from_settings(model)
    weights = Weights(
        config.path,
        Shape(
            context_tokens=config.context_tokens,
            slots=config.slots,
            cells=config.cache_tokens,
            threads=config.threads,
            gpu_layers=config.gpu_layers,
        ),
    )
    engine = Engine(weights, depth=config.queue_depth)
    digests = {w.name: w.digest for w in CATALOGUE.values() if w.kind == "embedder"}
    embedder = QuestionEmbedder(load_embedder, name=settings.EMBEDDER, digests=digests)
    app = create_app(config, engine, embedder)
    if warm:
        embedder.warm()
    logger.info(
        "serving %s, %d tokens of context", config.model, weights.context_tokens
    )
    uvicorn.run(
        app,
        host=host,
        port=port,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=3,
    )
    engine.close()
    # The embedder's thread may be importing torch, which nothing can interrupt.
    logging.shutdown()
    os._exit(0)


def _end_with_parent() -> None:
    """End this process within a second of its parent, also after SIGKILL."""
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1)
        os._exit(0)

    threading.Thread(target=watch, name="parent", daemon=True).start()
