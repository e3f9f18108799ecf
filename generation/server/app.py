"""HTTP in front of the engine: the OpenAI protocol on loopback, behind a bearer key."""

from __future__ import annotations

import asyncio
import hmac
import logging
import time
from collections.abc import Sequence
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request as HttpRequest
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from generation.server import templates
from generation.server.adapters import PREFIX, UnknownAdapter
from generation.server.admission import (
    Body,
    PromptTooLong,
    Scopes,
    UnknownToken,
    admit,
    refuse_by_length,
)
from generation.server.completing import complete, stream
from generation.server.config import ServerConfig
from generation.server.engine import Engine
from generation.server.entailing import predict_route
from generation.server.jobs import Chance, Piece, Request
from generation.server.metrics import render_metrics
from generation.server.native import Weights
from generation.server.parameters import (
    ChatRequest,
    Completing,
    CompletionRequest,
    ContinuationRequest,
    EmbeddingRequest,
    SwapRequest,
    TokenizeRequest,
)
from generation.server.protocol import ChatReply, Reply, ScoredReply, in_base64, problem
from generation.server.questions import QuestionEmbedder
from generation.server.queueing import QueueFull, ShareTaken
from generation.server.reranking import rerank_route
from generation.server.schemas import SchemaUnsupported
from rag_site.errors import RagError
from rag_site.weights import locate, weights_named

logger = logging.getLogger(__name__)

MAX_BODY_BYTES = 4_000_000
OPEN_PATHS = {"/health"}
Schema = TypeVar("Schema", bound=BaseModel)


class BadRequest(Exception):
    def __init__(self, response: Response) -> None:
        self.response = response


def create_app(
    config: ServerConfig, engine: Engine, embedder: QuestionEmbedder
) -> Starlette:
    """Return the ASGI application; the caller closes ``engine``."""
    routes = [
        Route("/v1/chat/completions", chat, methods=["POST"]),
        Route("/v1/completions", completions, methods=["POST"]),
        Route("/v1/continuations", continuations, methods=["POST"]),
        Route("/v1/embeddings", embeddings, methods=["POST"]),
        rerank_route(_read),
        predict_route(_read),
        Route("/v1/tokenize", tokenize, methods=["POST"]),
        Route("/v1/models", models),
        Route("/v1/models/swap", swap, methods=["POST"]),
        Route("/v1/models/{name}", one_model),
        Route("/health", health),
        Route("/metrics", metrics),
    ]
    app = Starlette(
        routes=routes,
        middleware=[Middleware(BearerKey, key=config.key)],
        exception_handlers={
            BadRequest: _bad_request,
            HTTPException: _not_served,
            Exception: _failed,
        },
    )
    app.state.config, app.state.engine, app.state.embedder = config, engine, embedder
    app.state.created = int(time.time())
    app.state.template = templates.template_for(config.model)
    return app


class BearerKey:
    """Refuses every request without the key; compared in constant time."""

    def __init__(self, app: Any, key: str) -> None:
        self.app = app
        self.expected = f"Bearer {key}".encode()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http" and scope["path"] not in OPEN_PATHS:
            given = dict(scope["headers"]).get(b"authorization", b"")
            if not hmac.compare_digest(given, self.expected):
                refused = problem(401, "authentication_error", "Send the server's key.")
                await refused(scope, receive, send)
                return
        await self.app(scope, receive, send)


async def chat(request: HttpRequest) -> Response:
    body = await _read(request, ChatRequest)
    asked = await _admitted(request, body)
    return await _answer(request, body, asked, ChatReply(model=_name(request, body)))


async def completions(request: HttpRequest) -> Response:
    body = await _read(request, CompletionRequest)
    asked = await _admitted(request, body)
    echo = _echo(request, body, asked) if body.echo else None
    reply = Reply(model=_name(request, body), echo=echo)
    return await _answer(request, body, asked, reply)


def _echo(request: HttpRequest, body: CompletionRequest, asked: Request) -> Piece:
    """Return the prompt's text and its first token, which the engine cannot score."""
    first = request.app.state.engine.weights.piece(asked.tokens[0])
    chances = () if body.logprobs is None else (Chance(token=first, logprob=None),)
    return Piece(text=body.prompt, chances=chances)


async def continuations(request: HttpRequest) -> Response:
    """Score an answer that is given: our own, as the protocol has nothing for chats."""
    body = await _read(request, ContinuationRequest)
    asked = await _admitted(request, body)
    reply = ScoredReply(model=_name(request, body), scored=asked.scored)
    engine: Engine = request.app.state.engine
    try:
        return await complete(engine, asked, request, reply)
    except QueueFull as exc:
        return _busy(engine, exc)


def _name(request: HttpRequest, body: Body) -> str:
    """Return the model that answers: any other name than an adapter's means this one."""
    config: ServerConfig = request.app.state.config
    return body.model if body.model.startswith(PREFIX) else config.model


async def _answer(
    request: HttpRequest, body: Completing, asked: Request, reply: Reply
) -> Response:
    engine: Engine = request.app.state.engine
    try:
        if body.stream:
            usage = body.stream_options.include_usage
            return stream(engine, asked, reply, wants_usage=usage)
        return await complete(engine, asked, request, reply)
    except QueueFull as exc:
        return _busy(engine, exc)


async def _admitted(request: HttpRequest, body: Body) -> Request:
    scopes = Scopes.of(request.headers)
    try:
        # Seconds for the longest prompts: streams and beats go on meanwhile.
        return await asyncio.to_thread(admit, body, scopes, request.app.state)
    except PromptTooLong as exc:
        raise _too_long(exc, "messages") from exc
    except UnknownAdapter as exc:
        message = f"No adapter is called {exc.args[0]!r}. See /v1/models."
        code, param = "model_not_found", "model"
        response = problem(
            404, "invalid_request_error", message, code=code, param=param
        )
        raise BadRequest(response) from exc
    except UnknownToken as exc:
        message = f"There is no token {exc.token}: the vocabulary has {exc.size:,}."
        param = "logprob_token_ids"
        response = problem(422, "invalid_request_error", message, param=param)
        raise BadRequest(response) from exc
    except SchemaUnsupported as exc:
        message = f"The schema at {exc.path}: {exc.reason}."
        param = "response_format"
        response = problem(422, "invalid_request_error", message, param=param)
        raise BadRequest(response) from exc


def _too_long(exc: PromptTooLong, param: str) -> BadRequest:
    message = (
        f"The context has {exc.room} tokens and this at least {exc.tokens}. Shorten it."
    )
    code = "context_length_exceeded"
    return BadRequest(
        problem(400, "invalid_request_error", message, code=code, param=param)
    )


def _busy(engine: Engine, full: QueueFull) -> Response:
    if isinstance(full, ShareTaken):
        status, code = 429, "person_queue_full"
        message = "As many requests of this user are waiting as one user may have."
    else:
        status, code = 503, "queue_full"
        message = f"{engine.waiting} requests are waiting."
    again = f"{message} Try again in a moment."
    response = problem(status, "server_busy", again, code=code)
    response.headers["Retry-After"] = str(engine.retry_after_s())
    return response


async def embeddings(request: HttpRequest) -> Response:
    body = await _read(request, EmbeddingRequest)
    embedder: QuestionEmbedder = request.app.state.embedder
    made = await embedder.embed(
        body.input, as_question=body.input_type == "question", model=body.model
    )
    encode = in_base64 if body.encoding_format == "base64" else list
    rows = [
        {"object": "embedding", "index": index, "embedding": encode(vector)}
        for index, vector in enumerate(made.vectors)
    ]
    return JSONResponse(
        {
            "object": "list",
            "data": rows,
            "model": made.model,
            "digest": made.digest,
            "usage": {"prompt_tokens": 0, "total_tokens": 0},
        }
    )


async def tokenize(request: HttpRequest) -> Response:
    """Count tokens by the model's own tokenizer, special tokens taken as text."""
    body = await _read(request, TokenizeRequest)
    weights: Weights = request.app.state.engine.weights
    try:
        counts = await asyncio.to_thread(_counts, weights, body.texts)
    except PromptTooLong as exc:
        raise _too_long(exc, "texts") from exc
    return JSONResponse({"counts": counts})


def _counts(weights: Weights, texts: Sequence[str]) -> list[int]:
    for text in texts:
        refuse_by_length([text], weights)
    return [len(weights.tokenize(text)) for text in texts]


async def models(request: HttpRequest) -> Response:
    return JSONResponse({"object": "list", "data": _models(request.app.state)})


async def one_model(request: HttpRequest) -> Response:
    name = request.path_params["name"]
    for row in _models(request.app.state):
        if row["id"] == name:
            return JSONResponse(row)
    message = "No such model is loaded. See /v1/models."
    return problem(404, "invalid_request_error", message, code="model_not_found")


def _models(state: Any) -> list[dict[str, Any]]:
    """Return the weights and their adapters; ``created`` is when they were loaded."""
    config: ServerConfig = state.config
    weights = state.engine.weights
    facts = {
        "digest": config.digest,
        "quantization": config.quantization,
        "context_tokens": weights.context_tokens,
        "slots": weights.slots,
        "cache_tokens": weights.cells,
        "gpu_layers": weights.gpu_layers,
    }
    row = {"object": "model", "created": state.created, "owned_by": "plumbline"}
    own = [
        {"id": f"{PREFIX}{one.name}", **row, "parent": config.model}
        | {"plumbline": {"digest": one.digest}}
        for one in config.adapters
        if one.name in weights.adapters
    ]
    return [{"id": config.model, **row, "plumbline": facts}, *own]


async def swap(request: HttpRequest) -> Response:
    """Ask the keeper for another model; this process serves until that one answers."""
    body = await _read(request, SwapRequest)
    try:
        entry = weights_named(body.model)
        await asyncio.to_thread(locate, entry.name)  # reads all of the file
    except RagError as exc:
        return problem(409, "invalid_request_error", exc.message, param="model")
    if entry.kind != "gguf":
        return problem(409, "invalid_request_error", "It cannot answer.", param="model")
    request.app.state.tell(f"swap {entry.name}")
    return JSONResponse({"model": entry.name, "status": "loading"}, 202)


async def health(request: HttpRequest) -> Response:
    engine: Engine = request.app.state.engine
    return JSONResponse(
        {
            "status": "ok",
            "model": request.app.state.config.model,
            "busy": engine.running > 0,
            "running": engine.running,
            "waiting": engine.waiting,
            "embedder_loading": request.app.state.embedder.is_loading,
        }
    )


async def metrics(request: HttpRequest) -> Response:
    text, media_type = render_metrics(request.app.state.engine)
    return Response(text, media_type=media_type)


async def _read(request: HttpRequest, schema: type[Schema]) -> Schema:
    """Return the body as ``schema``; BadRequest with the field that is wrong."""
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > MAX_BODY_BYTES:
            raise BadRequest(
                problem(413, "invalid_request_error", "The request is too large.")
            )
    try:
        return schema.model_validate_json(body)
    except ValidationError as exc:
        first = exc.errors(include_url=False, include_input=False)[0]
        field = ".".join(str(part) for part in first["loc"])
        status = 400 if first["type"] == "json_invalid" else 422
        response = problem(
            status, "invalid_request_error", f"{field}: {first['msg']}", param=field
        )
        raise BadRequest(response) from exc


async def _bad_request(_request: HttpRequest, exc: Exception) -> Response:
    assert isinstance(exc, BadRequest)  # noqa: S101
    return exc.response


async def _not_served(request: HttpRequest, exc: Exception) -> Response:
    """Answer what the router refuses: an unknown path, or another method of one."""
    assert isinstance(exc, HTTPException)  # noqa: S101
    message = f"{request.method} {request.url.path} is not served here."
    response = problem(exc.status_code, "invalid_request_error", message)
    response.headers.update(exc.headers or {})
    return response


async def _failed(_request: HttpRequest, _exc: Exception) -> Response:
    """The rim: Starlette logs the exception after this."""
    return problem(500, "server_error", "The model server failed. See its log.")
