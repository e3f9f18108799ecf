"""Shapes that every part of the API shares (a leaf)."""

from __future__ import annotations

from typing import Annotated, Any

from ninja import Schema
from pydantic import AfterValidator, ConfigDict, Field


def _storable(text: str) -> str:
    """Refuse what Postgres cannot hold: NUL and halves of surrogate pairs."""
    if "\x00" in text:
        raise ValueError("must not hold NUL characters")
    try:
        text.encode()
    except UnicodeEncodeError as exc:
        raise ValueError("must be valid Unicode") from exc
    return text


#: Text that can be stored; give it a length with ``Field``.
Text = Annotated[str, AfterValidator(_storable)]


class Closed(Schema):
    """A request: unknown fields, NaN and infinities are refused."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)


class ErrorBody(Schema):
    code: str = Field(description="Stable; the same in pages, events and rows.")
    message: str = Field(description="For a person: what happened and what to do.")
    detail: dict[str, Any] = Field(description="Limits and fields by name.")
    reference: str = Field(description="Finds the log line.")


class ErrorOut(Schema):
    """The one shape of every refusal and failure."""

    error: ErrorBody


def sends(kind: str, description: str) -> dict[str, Any]:
    """Return what an operation adds to the OpenAPI document when it sends no JSON.

    Without it, clients that are made from the document throw the body away.
    """
    binary = {} if kind.startswith("text/") else {"format": "binary"}
    content = {kind: {"schema": {"type": "string", **binary}}}
    return {"responses": {200: {"description": description, "content": content}}}
