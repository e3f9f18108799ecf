"""The entailment model behind HTTP: the protocol of text-embeddings-inference."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Annotated

from django.conf import settings
from pydantic import Field, StringConstraints
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from generation.grounding.entailment import (
    DIGEST_HEADER,
    EntailmentUnavailable,
    load_entailment,
)
from generation.server.parameters import Closed
from generation.server.protocol import problem

# A thread of its own, so that it never waits for tokens; one, because the model
# is not to be used by two.
_thread = ThreadPoolExecutor(1, thread_name_prefix="entailment")

Text = Annotated[str, StringConstraints(max_length=20_000)]
Read = Callable[[Request, type["PredictRequest"]], Awaitable["PredictRequest"]]


class PredictRequest(Closed):
    """Pairs of a text and a sentence that may follow from it."""

    inputs: Annotated[list[tuple[Text, Text]], Field(min_length=1, max_length=200)]
    truncate: bool = True


def predict_route(read: Read) -> Route:
    """Return the route; ``read`` takes a body within the server's limits."""

    async def predict(request: Request) -> Response:
        if not settings.ENTAILMENT:
            return problem(404, "not_found_error", "There is no entailment model here.")
        body = await read(request, PredictRequest)
        loop = asyncio.get_running_loop()
        try:
            digest, rows = await loop.run_in_executor(_thread, _scores, body)
        except EntailmentUnavailable as exc:
            return problem(503, "server_error", exc.message)
        return JSONResponse(
            [
                [{"label": label, "score": p} for label, p in row.items()]
                for row in rows
            ],
            headers={DIGEST_HEADER: digest},
        )

    return Route("/predict", predict, methods=["POST"])


def _scores(body: PredictRequest) -> tuple[str, list[dict[str, float]]]:
    model = load_entailment()
    return model.digest, model.scores(body.inputs)
