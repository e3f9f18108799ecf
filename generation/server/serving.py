"""The weights' process: load, ask itself a question, say so, then serve."""

from __future__ import annotations

import logging
import os
import signal
import socket
import threading
import time
from functools import partial
from importlib.metadata import version

import uvicorn
from django.conf import settings

from generation.server.app import create_app
from generation.server.config import ServerConfig
from generation.server.costs import StepCosts
from generation.server.devices import gpus
from generation.server.engine import EXIT_ENGINE_FAILED, Engine
from generation.server.jobs import COMPLETED, End, Piece, Place, Request
from generation.server.keeping import BEAT_S
from generation.server.native import Shape, Weights
from generation.server.questions import QuestionEmbedder
from generation.server.saving import NOTHING_SAVED, PrefixFiles, SavedPrefixes
from ingestion.embedding import load_embedder
from rag_site.errors import Unavailable
from rag_site.weights import CATALOGUE
from rag_site.weights_plan import Plan

logger = logging.getLogger(__name__)

# A stop lets answers go on for so long; a swap to another model, to their deadline.
STOP_S = 3
HEALTH_QUESTION_S = 60.0


class WeightsSilent(Unavailable):
    """The model was loaded and gives no tokens. Run `manage.py models verify`."""

    code = "weights_silent"


def serve(model: str, listening: socket.socket, pipe: int, *, warm: bool) -> None:
    """Serve ``model`` until told to stop, then end the process.

    Args:
        pipe: where the keeper listens; the process ends with its keeper.
        warm: load the query embedder now.

    Raises:
        RagError: there is nothing to serve.
    """
    config = ServerConfig.from_settings(model)
    chosen = config.plan(gpus())
    for reason in chosen.why:
        logger.info("%s", reason)
    weights = _loaded(config, chosen)
    engine = Engine(
        weights,
        depth=config.queue_depth,
        costs=partial(_costs, weights),
        saved=_saved_prefixes(config),
        kept_bytes=chosen.kept_bytes,
    )
    ask_health_question(engine, weights)
    digests = {w.name: w.digest for w in CATALOGUE.values() if w.kind == "embedder"}
    embedder = QuestionEmbedder(load_embedder, name=settings.EMBEDDER, digests=digests)
    app = create_app(config, engine, embedder)
    app.state.tell = lambda line: os.write(pipe, f"{line}\n".encode())
    threading.Thread(
        target=_beat, args=(pipe, engine), name="beat", daemon=True
    ).start()
    if warm:
        embedder.warm()
    logger.info(
        "serving %s, %d requests at once, %d tokens of context each",
        config.model,
        weights.slots,
        weights.context_tokens,
    )
    _run(app, listening, drain_s=int(config.wall_s))
    engine.close()
    # The embedder's thread may be importing torch, which nothing can interrupt.
    logging.shutdown()
    os._exit(0)


def _loaded(config: ServerConfig, chosen: Plan) -> Weights:
    weights = Weights(
        config.path,
        Shape(
            context_tokens=chosen.context_tokens,
            slots=chosen.slots,
            cells=chosen.cells,
            threads=config.threads,
            gpu_layers=chosen.gpu_layers,
            split=chosen.split,
        ),
    )
    weights.add_adapters(config.adapters)
    return weights


def _saved_prefixes(config: ServerConfig) -> SavedPrefixes:
    if not settings.KEEP_PREFIXES:
        return NOTHING_SAVED
    return PrefixFiles(
        folder=settings.VAR_DIR / "prefixes",
        identity=f"{config.digest} {version('llama-cpp-python')}",
        secret=settings.SECRET_KEY.encode(),
    )


def _costs(weights: Weights) -> StepCosts:
    return StepCosts(weights.step_seconds())


def ask_health_question(engine: Engine, weights: Weights) -> None:
    """Have one token written before anybody relies on it.

    Raises:
        WeightsSilent
    """
    over = threading.Event()
    reasons = []

    def emit(item: Place | Piece | End) -> None:
        if isinstance(item, End):
            reasons.append(item.reason)
            over.set()

    tokens = tuple(weights.tokenize("Hello"))
    labels = tuple(-1 - n for n in range(len(tokens)))
    request = Request(
        person="health",
        tokens=tokens,
        labels=labels,
        max_tokens=1,
        wall_s=HEALTH_QUESTION_S,
        scope="health",
    )
    engine.submit(request, emit)
    if not over.wait(HEALTH_QUESTION_S) or reasons[0] not in COMPLETED:
        raise WeightsSilent


def _run(app: object, listening: socket.socket, *, drain_s: int) -> None:
    config = uvicorn.Config(
        app,  # type: ignore[arg-type]  # any ASGI application
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=STOP_S,
    )
    server = uvicorn.Server(config)

    def drain(*_args: object) -> None:
        config.timeout_graceful_shutdown = drain_s
        server.should_exit = True

    signal.signal(signal.SIGUSR1, drain)
    server.run(sockets=[listening])


def _beat(pipe: int, engine: Engine) -> None:
    """Tell the keeper that this process lives; end when a step never ends."""
    said = b"ready\n"
    while True:
        try:
            os.write(pipe, said)
        except OSError:
            os._exit(0)  # the keeper is gone
        if engine.watch.is_stuck(BEAT_S):
            logger.error("a step does not end; the process does")
            os._exit(EXIT_ENGINE_FAILED)
        said = b"beat\n"
        time.sleep(BEAT_S)
