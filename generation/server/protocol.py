"""The shapes of the OpenAI protocol that leave the server."""

from __future__ import annotations

import base64
import json
import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from starlette.responses import JSONResponse

from generation.server.jobs import Chance, End, Piece, Place

# Of an answer; one that failed has no end but an error.
FINISH = {"stop": "stop", "length": "length", "cancelled": "stop"}


def _new_id() -> str:
    return secrets.token_hex(12)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """One completion of a bare prompt; the shapes of a chat are in ``ChatReply``.

    Attributes:
        echo: the prompt where it is told too, with its first token.
    """

    model: str
    echo: Piece | None = None
    id: str = field(default_factory=_new_id)
    created: int = field(default_factory=lambda: int(time.time()))

    def opening(self) -> list[dict[str, Any]]:
        """Return what is sent before the first token."""
        return [self.chunk(self.echo)] if self.echo else []

    def chunk(self, piece: Piece) -> dict[str, Any]:
        return self._chunk(text=piece.text, logprobs=_flat(piece.chances))

    def closing(self, end: End) -> dict[str, Any]:
        return self._chunk(text="", finish_reason=FINISH[end.reason])

    def place(self, place: Place) -> dict[str, Any]:
        """A chunk of no text: other clients look at the first choice of each."""
        state = {"queue_position": place.position, "estimate_s": place.estimate_s}
        return {**self._nothing(), "plumbline": state}

    def usage(self, end: End) -> dict[str, Any]:
        return {**self._body([], is_chunk=True), **_account(end)}

    def whole(self, pieces: Sequence[Piece], end: End) -> dict[str, Any]:
        pieces = [self.echo, *pieces] if self.echo else pieces
        chances = [chance for piece in pieces for chance in piece.chances]
        choice = {
            "index": 0,
            **self._content("".join(piece.text for piece in pieces)),
            "logprobs": self._chances(chances) if chances else None,
            "finish_reason": FINISH[end.reason],
        }
        return {**self._body([choice], is_chunk=False), **_account(end)}

    def _nothing(self) -> dict[str, Any]:
        return self._chunk(text="")

    def _content(self, text: str) -> dict[str, Any]:
        return {"text": text}

    def _chances(self, chances: Sequence[Chance]) -> dict[str, Any] | None:
        return _flat(chances)

    def _chunk(self, **parts: Any) -> dict[str, Any]:
        choice = {"index": 0, "finish_reason": None, **parts}
        return self._body([choice], is_chunk=True)

    def _kind(self, *, is_chunk: bool) -> str:
        return "text_completion"

    def _body(self, choices: list[dict[str, Any]], *, is_chunk: bool) -> dict[str, Any]:
        kind = self._kind(is_chunk=is_chunk)
        head = {"id": self.id, "object": kind, "created": self.created}
        return {**head, "model": self.model, "choices": choices}


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatReply(Reply):
    id: str = field(default_factory=lambda: f"chatcmpl-{_new_id()}")

    def opening(self) -> list[dict[str, Any]]:
        return [self._chunk(delta={"role": "assistant", "content": ""})]

    def chunk(self, piece: Piece) -> dict[str, Any]:
        parts: dict[str, Any] = {"delta": {"content": piece.text}}
        if piece.chances:
            parts["logprobs"] = self._chances(piece.chances)
        return self._chunk(**parts)

    def closing(self, end: End) -> dict[str, Any]:
        return self._chunk(delta={}, finish_reason=FINISH[end.reason])

    def _nothing(self) -> dict[str, Any]:
        return self._chunk(delta={})

    def _content(self, text: str) -> dict[str, Any]:
        return {"message": {"role": "assistant", "content": text}}

    def _chances(self, chances: Sequence[Chance]) -> dict[str, Any] | None:
        rows = [
            {
                **_token(chance.token, chance.logprob),
                "top_logprobs": [_token(*other) for other in chance.others],
                **_wanted(chance),
            }
            for chance in chances
        ]
        return {"content": rows}

    def _kind(self, *, is_chunk: bool) -> str:
        return "chat.completion.chunk" if is_chunk else "chat.completion"


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoredReply(Reply):
    """How likely each token of a continuation was; ``scored`` tokens if nothing ended it."""

    scored: int

    def whole(self, pieces: Sequence[Piece], end: End) -> dict[str, Any]:
        chances = [chance for piece in pieces for chance in piece.chances]
        columns = _flat(chances) or {"tokens": [], "token_logprobs": []}
        likeliest = [chance.others[0][1] for chance in chances if chance.others]
        return {
            "object": "continuation",
            "model": self.model,
            "tokens": columns["tokens"],
            "token_logprobs": columns["token_logprobs"],
            "likeliest_logprobs": [_rounded(logprob) for logprob in likeliest],
            "finish_reason": "stop" if len(chances) == self.scored else "length",
            **_account(end),
        }


def _wanted(chance: Chance) -> dict[str, list[float]]:
    """Return the log-probabilities of ``logprob_token_ids``, where some were asked for."""
    rounded = [round(logprob, 4) for logprob in chance.wanted]
    return {"token_id_logprobs": rounded} if rounded else {}


def _token(raw: bytes, logprob: float | None) -> dict[str, Any]:
    text = raw.decode("utf-8", errors="replace")
    return {"token": text, "bytes": list(raw), "logprob": _rounded(logprob)}


def _rounded(logprob: float | None) -> float | None:
    return None if logprob is None else round(logprob, 6)


def _flat(chances: Sequence[Chance]) -> dict[str, Any] | None:
    """Return the shape of the older protocol, in columns."""
    if not chances:
        return None
    return {
        "tokens": [_token(c.token, 0)["token"] for c in chances],
        "token_logprobs": [_rounded(c.logprob) for c in chances],
        "top_logprobs": [
            {_token(raw, 0)["token"]: round(logprob, 6) for raw, logprob in c.others}
            for c in chances
        ],
    }


def _account(end: End) -> dict[str, Any]:
    usage = {
        "prompt_tokens": end.prompt_tokens,
        "completion_tokens": end.answer_tokens,
        "total_tokens": end.prompt_tokens + end.answer_tokens,
        "prompt_tokens_details": {"cached_tokens": end.reused_tokens},
    }
    timings = {
        "first_token_ms": round(end.first_token_s * 1000, 1),
        "total_ms": round(end.total_s * 1000, 1),
    }
    return {"usage": usage, "plumbline": timings}


def event(data: dict[str, Any]) -> str:
    """Frame one server-sent event; in ASCII, no reader finds a line break within."""
    return f"data: {json.dumps(data)}\n\n"


def in_base64(vector: Sequence[float]) -> str:
    """Return the numbers as OpenAI sends them: little-endian float32, in base64."""
    return base64.b64encode(np.asarray(vector, "<f4").tobytes()).decode()


def problem(
    status: int, kind: str, message: str, *, code: str | None = None, param: str = ""
) -> JSONResponse:
    """Return an error as a reply."""
    return JSONResponse(error(kind, message, code=code, param=param), status)


def error(
    kind: str, message: str, *, code: str | None = None, param: str = ""
) -> dict[str, Any]:
    """Return an error in the shape of OpenAI's."""
    row = {"message": message, "type": kind, "param": param or None, "code": code}
    return {"error": row}
