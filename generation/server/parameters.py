"""Requests as a closed schema: unknown names, NaN and wild numbers are refused.

The values reach C++ code that has crashed on less (CVE-2026-21869).
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, field_validator

MAX_STOPS = 8
Stop = Annotated[str, StringConstraints(min_length=1, max_length=64)]


class Closed(BaseModel):
    model_config = ConfigDict(extra="forbid", allow_inf_nan=False, frozen=True)


class ChatMessage(Closed):
    role: Literal["system", "user", "assistant"]
    content: Annotated[str, StringConstraints(max_length=400_000)]


class StreamOptions(Closed):
    include_usage: bool = False


class ChatRequest(Closed):
    """The part of OpenAI's chat completion request that this server honours.

    ``user`` is the scope of fairness and of reuse: requests of one user wait in
    one line, and evaluated tokens are reused for the same user only.
    """

    model: str = ""
    messages: Annotated[list[ChatMessage], Field(min_length=1, max_length=100)]
    stream: bool = False
    stream_options: StreamOptions = StreamOptions()
    max_tokens: Annotated[int, Field(ge=1, le=32_768)] = 256
    temperature: Annotated[float, Field(ge=0, le=2)] = 0.0
    top_p: Annotated[float, Field(gt=0, le=1)] = 1.0
    top_k: Annotated[int, Field(ge=0, le=1000)] = 40
    min_p: Annotated[float, Field(ge=0, le=1)] = 0.0
    seed: Annotated[int, Field(ge=0, le=0xFFFF_FFFE)] = 1
    stop: Annotated[list[Stop], Field(max_length=MAX_STOPS)] = []
    repeat_penalty: Annotated[float, Field(ge=1, le=2)] = 1.0
    frequency_penalty: Annotated[float, Field(ge=-2, le=2)] = 0.0
    presence_penalty: Annotated[float, Field(ge=-2, le=2)] = 0.0
    n: Literal[1] = 1
    user: Annotated[str, StringConstraints(max_length=128)] = ""

    @field_validator("stop", mode="before")
    @classmethod
    def _one_stop(cls, value: object) -> object:
        if value is None:
            return []
        return [value] if isinstance(value, str) else value


class EmbeddingRequest(Closed):
    """Texts to embed; ``input_type`` tells a question from a passage."""

    model: str = ""
    input: Annotated[list[str], Field(min_length=1, max_length=256)]
    input_type: Literal["question", "passage"] = "question"
    encoding_format: Literal["float"] = "float"
    user: str = ""

    @field_validator("input", mode="before")
    @classmethod
    def _one_text(cls, value: object) -> object:
        return [value] if isinstance(value, str) else value


class TokenizeRequest(Closed):
    texts: Annotated[list[str], Field(max_length=1000)]
