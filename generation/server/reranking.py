"""The reranker behind HTTP: the protocol of Jina, TEI and vLLM."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Annotated, Any

from django.conf import settings
from pydantic import Field, StringConstraints
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from generation.server.parameters import Closed
from generation.server.protocol import problem
from retrieval.reranking import RerankerUnavailable, load_reranker

# A thread of its own, so that it never waits for tokens; one, because the model
# is not to be used by two.
_thread = ThreadPoolExecutor(1, thread_name_prefix="reranker")

Read = Callable[[Request, type["RerankRequest"]], Awaitable["RerankRequest"]]


class RerankRequest(Closed):
    """A question and the passages to put in order."""

    model: Annotated[str, StringConstraints(max_length=200)] = ""
    query: Annotated[str, StringConstraints(min_length=1, max_length=20_000)]
    documents: Annotated[
        list[Annotated[str, StringConstraints(max_length=100_000)]],
        Field(min_length=1, max_length=200),
    ]


def rerank_route(read: Read) -> Route:
    """Return the route; ``read`` takes a body within the server's limits."""

    async def rerank(request: Request) -> Response:
        if not settings.RERANKER:
            return problem(404, "not_found_error", "There is no reranker here.")
        body = await read(request, RerankRequest)
        loop = asyncio.get_running_loop()
        try:
            rows = await loop.run_in_executor(_thread, _rank, body)
        except RerankerUnavailable as exc:
            return problem(503, "server_error", exc.message)
        return JSONResponse({"model": body.model, "results": rows})

    return Route("/v1/rerank", rerank, methods=["POST"])


def _rank(body: RerankRequest) -> list[dict[str, Any]]:
    """Return the documents' numbers and scores, best first."""
    scores = load_reranker().score(body.query, body.documents)
    rows = [
        {"index": index, "relevance_score": score} for index, score in enumerate(scores)
    ]
    return sorted(rows, key=lambda row: (-row["relevance_score"], row["index"]))
