"""Requests as a closed schema: unknown names, NaN and wild numbers are refused.

The values reach C++ code that has crashed on less (CVE-2026-21869).
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import (
    AliasChoices,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    field_validator,
    model_validator,
)

MAX_STOPS = 8
MAX_TOKEN_IDS = 1024
TokenId = Annotated[int, Field(ge=0, le=0xFFFF_FFFF)]
Stop = Annotated[str, StringConstraints(min_length=1, max_length=64)]


class Closed(BaseModel):
    model_config = ConfigDict(extra="forbid", allow_inf_nan=False, frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _without_nulls(cls, value: object) -> object:
        """Take a null for a name that was not given, as many clients mean it."""
        if not isinstance(value, dict):
            return value
        return {name: item for name, item in value.items() if item is not None}


class ChatMessage(Closed):
    """A message; its content may come in parts of text, one a line."""

    role: Literal["system", "user", "assistant"]
    content: Annotated[str, StringConstraints(max_length=400_000)]

    @field_validator("content", mode="before")
    @classmethod
    def _joined(cls, value: object) -> object:
        if not isinstance(value, list):
            return value
        texts = [_text_of(part) for part in value]
        if None in texts:
            raise ValueError("only parts of the type text are read here")
        return "\n".join(text for text in texts if text is not None)


def _text_of(part: object) -> str | None:
    match part:
        case {"type": "text", "text": str(text), **others} if not others:
            return text
    return None


Messages = Annotated[list[ChatMessage], Field(min_length=1, max_length=100)]


class StreamOptions(Closed):
    include_usage: bool = False


class NamedSchema(Closed):
    name: Annotated[str, StringConstraints(max_length=64)] = ""
    description: Annotated[str, StringConstraints(max_length=2000)] = ""
    definition: Annotated[dict[str, Any], Field(alias="schema")]
    strict: bool = True


class ResponseFormat(Closed):
    """The form of the answer; a schema is of the closed part of ``schemas``."""

    type: Literal["text", "json_object", "json_schema"] = "text"
    json_schema: NamedSchema | None = None

    @model_validator(mode="after")
    def _schema_where_named(self) -> Self:
        if (self.type == "json_schema") != (self.json_schema is not None):
            raise ValueError("json_schema goes with the type json_schema")
        return self


class Prompted(Closed):
    """What all requests of the engine share.

    ``user`` is the scope of fairness and of reuse: requests of one user wait in
    one line, and evaluated tokens are reused for the same user only.
    """

    model: str = ""
    user: Annotated[str, StringConstraints(max_length=128)] = ""


class Completing(Prompted):
    """What both kinds of completion share: the bounds of every number.

    Without a ``seed`` one is drawn, so that a text sampled again is another one.
    """

    stream: bool = False
    stream_options: StreamOptions = StreamOptions()
    max_tokens: Annotated[int, Field(ge=1, le=32_768)] = 256
    temperature: Annotated[float, Field(ge=0, le=2)] = 0.0
    top_p: Annotated[float, Field(gt=0, le=1)] = 1.0
    top_k: Annotated[int, Field(ge=0, le=1000)] = 40
    min_p: Annotated[float, Field(ge=0, le=1)] = 0.0
    repeat_penalty: Annotated[float, Field(ge=1, le=2)] = 1.0
    frequency_penalty: Annotated[float, Field(ge=-2, le=2)] = 0.0
    presence_penalty: Annotated[float, Field(ge=-2, le=2)] = 0.0
    seed: Annotated[int, Field(ge=0, le=0xFFFF_FFFE)] | None = None
    stop: Annotated[list[Stop], Field(max_length=MAX_STOPS)] = []
    n: Literal[1] = 1
    response_format: ResponseFormat = ResponseFormat()

    @field_validator("stop", mode="before")
    @classmethod
    def _one_stop(cls, value: object) -> object:
        return [value] if isinstance(value, str) else value


class ChatRequest(Completing):
    """The part of OpenAI's chat completion request that this server honours."""

    messages: Messages
    # The second is the younger name of the same.
    max_tokens: Annotated[
        int,
        Field(ge=1, le=32_768),
        Field(validation_alias=AliasChoices("max_tokens", "max_completion_tokens")),
    ] = 256
    logprobs: bool = False
    top_logprobs: Annotated[int, Field(ge=0, le=20)] = 0
    # Tokens whose log-probabilities are told with each of the answer's.
    logprob_token_ids: Annotated[list[TokenId], Field(max_length=MAX_TOKEN_IDS)] = []

    @property
    def texts(self) -> list[str]:
        return [message.content for message in self.messages]

    @model_validator(mode="after")
    def _told_with_something(self) -> Self:
        if self.logprob_token_ids and not self.logprobs:
            raise ValueError("logprob_token_ids goes with logprobs")
        return self

    @property
    def chances(self) -> int | None:
        return self.top_logprobs if self.logprobs else None


class CompletionRequest(Completing):
    """A bare prompt, without a chat template; its special tokens stay text.

    With ``echo`` the prompt is told too, with its own log-probabilities where
    ``logprobs`` asks for some; only then may ``max_tokens`` be 0.
    """

    prompt: Annotated[str, StringConstraints(min_length=1, max_length=400_000)]
    logprobs: Annotated[int, Field(ge=0, le=20)] | None = None
    echo: bool = False
    max_tokens: Annotated[int, Field(ge=0, le=32_768)] = 256

    @property
    def texts(self) -> list[str]:
        return [self.prompt]

    @model_validator(mode="after")
    def _something_to_tell(self) -> Self:
        if not self.max_tokens and not self.echo:
            raise ValueError("max_tokens 0 goes with echo")
        return self

    @property
    def chances(self) -> int | None:
        return self.logprobs


class ContinuationRequest(Prompted):
    """An answer to score: how likely each of its tokens is after the messages."""

    messages: Messages
    continuation: Annotated[str, StringConstraints(min_length=1, max_length=400_000)]

    @property
    def texts(self) -> list[str]:
        return [*(message.content for message in self.messages), self.continuation]


class EmbeddingRequest(Closed):
    """Texts to embed; ``input_type`` tells a question from a passage.

    OpenAI's own client asks for base64 unless told otherwise.
    """

    model: str = ""
    input: Annotated[list[str], Field(min_length=1, max_length=256)]
    input_type: Literal["question", "passage"] = "question"
    encoding_format: Literal["float", "base64"] = "float"
    user: str = ""

    @field_validator("input", mode="before")
    @classmethod
    def _one_text(cls, value: object) -> object:
        return [value] if isinstance(value, str) else value


class TokenizeRequest(Closed):
    texts: Annotated[list[str], Field(max_length=1000)]


class SwapRequest(Closed):
    model: Annotated[str, StringConstraints(min_length=1, max_length=128)]
