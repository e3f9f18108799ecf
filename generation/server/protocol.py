"""The shapes of the OpenAI protocol that leave the server."""

from __future__ import annotations

import json
import secrets
import time
from dataclasses import dataclass, field
from typing import Any

from starlette.responses import JSONResponse

from generation.server.jobs import End, Place

FINISH = {"stop": "stop", "length": "length", "cancelled": "stop", "error": "error"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """Identity of one completion."""

    model: str
    id: str = field(default_factory=lambda: f"chatcmpl-{secrets.token_hex(12)}")
    created: int = field(default_factory=lambda: int(time.time()))

    def chunk(self, delta: dict[str, str], finish: str | None = None) -> dict[str, Any]:
        choice = {"index": 0, "delta": delta, "finish_reason": finish}
        return self._body("chat.completion.chunk", [choice])

    def place(self, place: Place) -> dict[str, Any]:
        """A chunk without choices, which other clients skip."""
        body = self._body("chat.completion.chunk", [])
        state = {"queue_position": place.position, "estimate_s": place.estimate_s}
        return {**body, "plumbline": state}

    def usage(self, end: End) -> dict[str, Any]:
        body = self._body("chat.completion.chunk", [])
        return {**body, "usage": usage_of(end), "plumbline": timings_of(end)}

    def whole(self, text: str, end: End) -> dict[str, Any]:
        message = {"role": "assistant", "content": text}
        finish = FINISH[end.reason]
        choice = {"index": 0, "message": message, "finish_reason": finish}
        body = self._body("chat.completion", [choice])
        return {**body, "usage": usage_of(end), "plumbline": timings_of(end)}

    def _body(self, kind: str, choices: list[dict[str, Any]]) -> dict[str, Any]:
        head = {"id": self.id, "object": kind, "created": self.created}
        return {**head, "model": self.model, "choices": choices}


def usage_of(end: End) -> dict[str, Any]:
    return {
        "prompt_tokens": end.prompt_tokens,
        "completion_tokens": end.answer_tokens,
        "total_tokens": end.prompt_tokens + end.answer_tokens,
        "prompt_tokens_details": {"cached_tokens": end.reused_tokens},
    }


def timings_of(end: End) -> dict[str, float]:
    return {
        "first_token_ms": round(end.first_token_s * 1000, 1),
        "total_ms": round(end.total_s * 1000, 1),
    }


def event(data: dict[str, Any]) -> str:
    """Frame one server-sent event; JSON holds no raw line break."""
    return f"data: {json.dumps(data, ensure_ascii=False)}\n\n"


def problem(
    status: int, kind: str, message: str, *, code: str | None = None, param: str = ""
) -> JSONResponse:
    """Return an error in the shape of OpenAI's."""
    error = {"message": message, "type": kind, "param": param or None, "code": code}
    return JSONResponse({"error": error}, status)
