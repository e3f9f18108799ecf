"""From a body of the protocol to a request of the engine, every bound set."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from generation.server import templates
from generation.server.adapters import adapter_of
from generation.server.jobs import Request, Sampling
from generation.server.native import Weights
from generation.server.parameters import (
    ChatMessage,
    ChatRequest,
    Completing,
    CompletionRequest,
    ContinuationRequest,
    ResponseFormat,
)
from generation.server.prefixes import labelled
from generation.server.schemas import any_object, compile_schema

# Who may share the evaluated tokens of each message; see ``Scopes``.
SCOPES_HEADER = "x-plumbline-scopes"
# "batch": work of a program, which waits for people at a screen.
PRIORITY_HEADER = "x-plumbline-priority"
# Tokens, and the scope of those who may share them.
Part = tuple[Sequence[int], str]
Body = ChatRequest | CompletionRequest | ContinuationRequest


class UnknownToken(ValueError):
    """A token's number is not in the vocabulary; ``size`` tells how many are."""

    def __init__(self, token: int, size: int) -> None:
        super().__init__(token)
        self.token, self.size = token, size


class PromptTooLong(Exception):
    """``tokens`` is what it has at least."""

    def __init__(self, tokens: int, room: int) -> None:
        self.tokens, self.room = tokens, room


def refuse_by_length(texts: Sequence[str], weights: Weights) -> None:
    """Refuse together what cannot fit, unread: to tokenise megabytes takes seconds.

    Raises:
        PromptTooLong: even of the longest tokens there would be too many.
    """
    size = sum(len(text.encode(errors="replace")) for text in texts)
    fewest = -(-size // weights.longest_token_bytes)
    if fewest >= weights.context_tokens:
        raise PromptTooLong(fewest, weights.context_tokens)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """A name for all who may read the leading ``chars`` characters of a message."""

    name: str
    chars: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Scopes:
    """What a caller says beside the body, in headers that other servers ignore.

    ``X-Plumbline-Scopes: everybody:812,,c-1f2a:3100`` holds an item a message:
    the leading characters of it that all holders of that name may read. The rest,
    and every message without an item, belongs to the ``user`` of the body alone.
    """

    items: tuple[Scope | None, ...] = ()
    is_urgent: bool = True

    @classmethod
    def of(cls, headers: Mapping[str, str]) -> Scopes:
        raw = headers.get(SCOPES_HEADER, "")
        items = tuple(_scope(item.strip()) for item in raw.split(",")) if raw else ()
        return cls(items=items, is_urgent=headers.get(PRIORITY_HEADER) != "batch")


def _scope(item: str) -> Scope | None:
    """Return a scope, or None for what is not one: then nothing is shared."""
    name, _, chars = item.rpartition(":")
    if not name or not chars.isascii() or not chars.isdigit() or len(chars) > 9:
        return None
    return Scope(name=name, chars=int(chars))


def admit(body: Body, scopes: Scopes, state: Any) -> Request:
    """Return the request that ``body`` asks for; ``state`` is the application's.

    Raises:
        UnknownAdapter: ``model`` names one that is not loaded.
        PromptTooLong: it leaves no room for an answer.
        SchemaUnsupported: no grammar is made of its schema.
        UnknownToken: one whose log-probability is asked for.
    """
    weights: Weights = state.engine.weights
    refuse_by_length(body.texts, weights)
    # Nobody in particular shares with nobody.
    person = body.user or secrets.token_hex(8)
    adapter = adapter_of(body.model, weights.adapters)
    own = f"person:{person}"
    parts = _tokenized(body, weights, state.template, scopes, own)
    tokens = tuple(token for part, _ in parts for token in part)
    room = weights.context_tokens - len(tokens)
    if room < 1:
        raise PromptTooLong(len(tokens), weights.context_tokens)
    read = Request(
        person=person,
        tokens=tokens,
        labels=tuple(
            label
            for part, scope in parts
            for label in labelled(part, _of_adapter(adapter, scope))
        ),
        scope=_of_adapter(adapter, own),
        is_named=bool(body.user),
        max_tokens=0,
        wall_s=state.config.wall_s,
        is_urgent=scopes.is_urgent,
        adapter=adapter,
    )
    if isinstance(body, ContinuationRequest):
        return replace(read, scored=len(parts[-1][0]), logprobs=1)
    return replace(
        read,
        max_tokens=min(body.max_tokens, room),
        sampling=_sampling(body),
        stops=(*body.stop, *state.template.stop),
        logprobs=body.chances,
        token_ids=_token_ids(body, weights),
        scored=len(tokens) - 1 if _echoes_chances(body) else 0,
    )


def _tokenized(
    body: Body,
    weights: Weights,
    template: templates.ChatTemplate,
    scopes: Scopes,
    own: str,
) -> list[Part]:
    if isinstance(body, CompletionRequest):
        return [(weights.tokenize(body.prompt), own)]
    parts = list(_parts(weights, template, body.messages, scopes, own=own))
    if isinstance(body, ContinuationRequest):
        parts.append((weights.tokenize(body.continuation), own))
    return parts


def _echoes_chances(body: Completing) -> bool:
    return (
        isinstance(body, CompletionRequest) and body.echo and body.chances is not None
    )


def _token_ids(body: Completing, weights: Weights) -> tuple[int, ...]:
    if not isinstance(body, ChatRequest):
        return ()
    for token in body.logprob_token_ids:
        if token >= weights.vocabulary:
            raise UnknownToken(token, weights.vocabulary)
    return tuple(body.logprob_token_ids)


def _of_adapter(adapter: str, scope: str) -> str:
    """Return the scope of what was evaluated with ``adapter``: it fits no other."""
    return f"lora:{adapter}:{scope}" if adapter else scope


def _sampling(body: Completing) -> Sampling:
    return Sampling(
        temperature=body.temperature,
        top_k=body.top_k,
        top_p=body.top_p,
        min_p=body.min_p,
        seed=secrets.randbelow(2**31) if body.seed is None else body.seed,
        repeat_penalty=body.repeat_penalty,
        frequency_penalty=body.frequency_penalty,
        presence_penalty=body.presence_penalty,
        grammar=_grammar(body.response_format),
    )


def _grammar(wanted: ResponseFormat) -> str:
    if wanted.json_schema is not None:
        return compile_schema(wanted.json_schema.definition)
    return any_object() if wanted.type == "json_object" else ""


def _parts(
    weights: Weights,
    template: templates.ChatTemplate,
    messages: Sequence[ChatMessage],
    scopes: Scopes,
    *,
    own: str,
) -> Iterator[Part]:
    """Yield runs of tokens, each with the scope of those who may share it."""
    for number, message in enumerate(messages):
        scope = scopes.items[number] if number < len(scopes.items) else None
        shared = f"shared:{scope.name}" if scope else own
        before, content, after = templates.render_one(
            template, message.role, message.content
        )
        yield weights.tokenize(before.text, is_special=True), shared
        tokens = weights.tokenize(content.text)
        within = _tokens_within(weights, tokens, content.text, scope)
        yield tokens[:within], shared
        yield tokens[within:], own
        is_shared = scope is not None and scope.chars >= len(content.text)
        ending = shared if is_shared else own
        yield weights.tokenize(after.text, is_special=True), ending
    yield weights.tokenize(template.opening, is_special=True), own


def _tokens_within(
    weights: Weights, tokens: Sequence[int], text: str, scope: Scope | None
) -> int:
    """Return how many leading tokens lie wholly in the shared characters."""
    if scope is None:
        return 0
    room = len(text[: scope.chars].encode(errors="replace"))
    for count, token in enumerate(tokens):
        room -= len(weights.piece(token))
        if room < 0:
            return count
    return len(tokens)
