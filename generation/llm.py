"""The language model as the rest of the site sees it: one protocol, over HTTP.

The same client speaks to the site's own model server, vLLM, llama-server or a
rented API; what only the own server offers (place in line, token counts) is
used where it is there.
"""

from __future__ import annotations

import json
import ssl
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Literal, NamedTuple, Protocol

import httpx

from generation.errors import ModelBusy, ModelLost, ModelUnavailable
from generation.estimating import estimate_tokens
from generation.replies import SILENCE_S, lines_of, refuse

CONNECT_S = 3.0
# How another server says that it has no such path.
_NOT_OFFERED = {404, 405, 501}

Role = Literal["system", "user", "assistant"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One message of a prompt.

    Attributes:
        scope: a name for all who may read the first ``shared_chars`` characters;
            the own server lets them share what was evaluated of it. Without one
            it is reused for the same user only.
    """

    role: Role
    content: str
    scope: str = ""
    shared_chars: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class SamplingParams:
    """How an answer is decoded; temperature 0 is greedy.

    Attributes:
        is_urgent: somebody waits at a screen; else it is work of a program.
        schema: JSON Schema that the text is held to, where the server can.
        adapter: a LoRA adapter of the server's, asked for as the model "lora:NAME".
        chances: how many of the likeliest tokens to tell with each, 0 to 20.
    """

    max_tokens: int = 400
    temperature: float = 0.0
    seed: int = 1
    stop: tuple[str, ...] = ()
    is_urgent: bool = True
    schema: Mapping[str, Any] | None = None
    adapter: str = ""
    chances: int = 0
    token_ids: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class QueuePlace:
    """Place in line, 1 is next, 0 is being read; ``estimate_s`` None if unknown."""

    position: int
    estimate_s: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TextPiece:
    """Text as it comes.

    Attributes:
        chances: log-probabilities of the likeliest tokens in the place of its
            first one; empty where they were not asked for or the server has none.
        wanted: those of the tokens that were asked for by number, in their order.
    """

    text: str
    chances: Mapping[str, float] = field(default_factory=dict)
    wanted: tuple[float, ...] = ()


class Scored(NamedTuple):
    """Natural logarithms of the probabilities of a token, and of the likeliest there."""

    logprob: float
    likeliest: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """The end; token counts are None where the server does not tell."""

    reason: Literal["stop", "length"] = "stop"
    prompt_tokens: int | None = None
    answer_tokens: int | None = None
    reused_tokens: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelInfo:
    """What answers: name, SHA-256 of its file and context, where known."""

    name: str
    digest: str = ""
    context_tokens: int | None = None


class LanguageModel(Protocol):
    """Called by ``answering``; two implementations, HTTP and the tests' script."""

    def stream(
        self, messages: Sequence[Message], params: SamplingParams, *, user: str
    ) -> AsyncIterator[QueuePlace | TextPiece | Finished]:
        """Yield places in line, then pieces of text, then Finished.

        Closing the iterator cancels. ``user`` is the scope of fairness and of
        the reuse of evaluated tokens.

        Raises:
            ModelBusy, ModelUnavailable: before the first piece.
            ModelLost: after it.
            ContextTooLong: the server found the prompt too long.
        """

    async def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Return the tokens of each text, or an upper estimate of them."""

    async def score(
        self, messages: Sequence[Message], continuation: str, *, user: str
    ) -> tuple[Scored, ...] | None:
        """Return how likely each token of ``continuation`` is as the answer, if known.

        Raises ModelBusy, ModelUnavailable, ContextTooLong.
        """

    async def info(self) -> ModelInfo: ...


@cache
def _trusted() -> ssl.SSLContext:
    """Return the certificates to trust, read once: it takes 15 ms, and more when busy."""
    return httpx.create_ssl_context(trust_env=False)


class HttpLanguageModel:
    """An OpenAI-compatible server. Never retries once a request was sent."""

    def __init__(self, url: str, key: str = "", *, name: str = "") -> None:
        self.url = url.rstrip("/").removesuffix("/v1")
        self.key = key
        self.name = name
        self._headers = {"Authorization": f"Bearer {key}"} if key else {}
        self._counts_tokens = True

    def __repr__(self) -> str:
        return f"HttpLanguageModel({self.url!r})"

    def _client(self) -> httpx.AsyncClient:
        if not self.url:
            raise ModelUnavailable(
                "No model server is configured. Start the site with `make run`, or set "
                "PLUMBLINE_MODEL_SERVER_URL."
            )
        timeout = httpx.Timeout(SILENCE_S, connect=CONNECT_S)
        return httpx.AsyncClient(
            base_url=self.url,
            headers=self._headers,
            timeout=timeout,
            trust_env=False,
            verify=_trusted(),
        )

    async def stream(
        self, messages: Sequence[Message], params: SamplingParams, *, user: str
    ) -> AsyncIterator[QueuePlace | TextPiece | Finished]:
        body = self._body(messages, params, user)
        headers = _own_headers(messages, params)
        has_begun = False
        try:
            async with (
                self._client() as client,
                client.stream(
                    "POST", "/v1/chat/completions", json=body, headers=headers
                ) as reply,
            ):
                await refuse(reply)
                reading = _Reading()
                async for line in lines_of(reply):
                    for item in reading.take(line):
                        has_begun = has_begun or isinstance(item, TextPiece)
                        yield item
                yield reading.finish()
        except (httpx.HTTPError, TimeoutError, ValueError, KeyError) as exc:
            raise (ModelLost if has_begun else ModelUnavailable) from exc

    def _body(
        self, messages: Sequence[Message], params: SamplingParams, user: str
    ) -> dict[str, Any]:
        body: dict[str, Any] = {
            "model": f"lora:{params.adapter}" if params.adapter else self.name,
            "messages": [{"role": m.role, "content": m.content} for m in messages],
            "max_tokens": params.max_tokens,
            "temperature": params.temperature,
            "seed": params.seed,
            "user": user,
            "stream": True,
            "stream_options": {"include_usage": True},
        }
        if params.stop:
            body["stop"] = list(params.stop)
        if params.schema is not None:
            body["response_format"] = {
                "type": "json_schema",
                "json_schema": {"name": "answer", "schema": params.schema},
            }
        if params.chances:
            body |= {"logprobs": True, "top_logprobs": params.chances}
        if params.token_ids:
            body["logprob_token_ids"] = list(params.token_ids)
        return body

    async def count_tokens(self, texts: Sequence[str]) -> list[int]:
        if self._counts_tokens:
            try:
                reply = await self._ask("POST", "/v1/tokenize", {"texts": list(texts)})
                return [int(count) for count in reply["counts"]]
            except (ModelUnavailable, KeyError, TypeError) as exc:
                if not isinstance(exc.__cause__, httpx.HTTPStatusError | None):
                    raise
                # Another server: it counts with its own words or not at all.
                self._counts_tokens = False
        return [estimate_tokens(text) for text in texts]

    async def score(
        self, messages: Sequence[Message], continuation: str, *, user: str
    ) -> tuple[Scored, ...] | None:
        body = {
            "model": self.name,
            "messages": [{"role": m.role, "content": m.content} for m in messages],
            "continuation": continuation,
            "user": user,
        }
        try:
            async with self._client() as client:
                reply = await client.post(
                    "/v1/continuations", json=body, headers=_scopes_header(messages)
                )
                if reply.status_code in _NOT_OFFERED:
                    return None
                await refuse(reply)
                found = reply.json()
        except (httpx.HTTPError, ValueError) as exc:
            raise ModelUnavailable from exc
        if found.get("object") != "continuation":
            return None
        if found["finish_reason"] != "stop":
            raise ModelUnavailable("The model server ran out of time.")
        pairs = zip(found["token_logprobs"], found["likeliest_logprobs"], strict=True)
        return tuple(Scored(*pair) for pair in pairs)

    async def info(self) -> ModelInfo:
        reply = await self._ask("GET", "/v1/models")
        rows = {row.get("id", ""): row for row in reply.get("data", [])}
        row: dict[str, Any] = rows.get(self.name) or next(iter(rows.values()), {})
        facts = row.get("plumbline", {})
        tokens = facts.get("context_tokens") or row.get("max_model_len")
        return ModelInfo(
            name=row.get("id", self.name),
            digest=facts.get("digest", ""),
            context_tokens=tokens,
        )

    async def _ask(self, method: str, path: str, body: Any = None) -> dict[str, Any]:
        try:
            async with self._client() as client:
                reply = await client.request(method, path, json=body, timeout=15)
                found: dict[str, Any] = reply.raise_for_status().json()
                return found
        except (httpx.HTTPError, ValueError) as exc:
            raise ModelUnavailable from exc


def _own_headers(messages: Sequence[Message], params: SamplingParams) -> dict[str, str]:
    """Return what only the own server reads; others refuse unknown fields, not headers."""
    headers = _scopes_header(messages)
    return headers if params.is_urgent else {**headers, "X-Plumbline-Priority": "batch"}


def _scopes_header(messages: Sequence[Message]) -> dict[str, str]:
    scopes = [f"{m.scope}:{m.shared_chars}" if m.scope else "" for m in messages]
    return {"X-Plumbline-Scopes": ",".join(scopes)} if any(scopes) else {}


class _Reading:
    """Reads the lines of one stream; the end counts only if it was said."""

    def __init__(self) -> None:
        self._reason: str | None = None
        self._usage: dict[str, Any] = {}
        self._is_done = False

    def take(self, line: str) -> list[QueuePlace | TextPiece]:
        if not line.startswith("data:"):
            return []
        data = line[5:].strip()
        if data == "[DONE]":
            self._is_done = True
            return []
        return self._read(json.loads(data))

    def _read(self, chunk: dict[str, Any]) -> list[QueuePlace | TextPiece]:
        if "error" in chunk:
            error = chunk["error"]
            if isinstance(error, dict) and error.get("code") == "too_late":
                raise ModelBusy(retry_after_s=5)
            raise ValueError("the server reported an error in the stream")
        self._usage = chunk.get("usage") or self._usage
        place = chunk.get("plumbline", {})
        if "queue_position" in place:
            estimate = place.get("estimate_s")
            return [QueuePlace(position=place["queue_position"], estimate_s=estimate)]
        if not chunk.get("choices"):
            return []
        choice = chunk["choices"][0]
        self._reason = choice.get("finish_reason") or self._reason
        text = choice.get("delta", {}).get("content")
        first = _first(choice.get("logprobs"))
        if not (text or first):
            return []
        wanted = tuple(first.get("token_id_logprobs", ()))
        return [TextPiece(text=text or "", chances=_chances(first), wanted=wanted)]

    def finish(self) -> Finished:
        """Return the end, or raise ValueError when the stream just broke off."""
        if self._reason == "error" or not (self._is_done or self._reason):
            raise ValueError("the stream ended before the answer did")
        details = self._usage.get("prompt_tokens_details") or {}
        return Finished(
            reason="length" if self._reason == "length" else "stop",
            prompt_tokens=self._usage.get("prompt_tokens"),
            answer_tokens=self._usage.get("completion_tokens"),
            reused_tokens=details.get("cached_tokens"),
        )


def _first(logprobs: dict[str, Any] | None) -> dict[str, Any]:
    """Return what the protocol tells of a chunk's first place, {} where it tells nothing."""
    content: list[dict[str, Any]] = (logprobs or {}).get("content") or []
    return content[0] if content else {}


def _chances(first: dict[str, Any]) -> dict[str, float]:
    rows = [first, *first.get("top_logprobs", ())] if first else []
    return {row["token"]: float(row["logprob"]) for row in rows}
