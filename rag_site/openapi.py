"""The OpenAPI 3.1 document, completed, and the readable page made from it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

from django.conf import settings
from ninja import NinjaAPI
from ninja.operation import Operation

from rag_site.access import ApiKeyOrSession
from rag_site.schemas import ErrorOut

Document = dict[str, Any]

_ERRORS = {
    "400": "Malformed",
    "401": "No valid key or session",
    "403": "The key lacks the scope, or the session its CSRF token",
    "404": "Absent, or not yours to see",
    "409": "Clashes with what is there",
    "413": "Larger than the limit",
    "422": "A value is missing or out of range; `detail.field` names it",
    "429": "Too many requests; see `Retry-After`",
    "503": "A part of the site is away; see `Retry-After`",
}
_RATE_HEADERS = {
    "RateLimit-Limit": "Requests in a minute.",
    "RateLimit-Remaining": "Requests left.",
    "RateLimit-Reset": "Seconds until the window is over.",
    "X-Reference": "Finds the log line.",
}
_CREATING = (
    "add_address",
    "ask",
    "create_collection",
    "create_conversation",
    "set_member",
    "share_document",
    "upload_documents",
)
_IDEMPOTENCY = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "schema": {"type": "string", "maxLength": 200},
    "description": "Sent again within 24 hours, the same request creates nothing new.",
}
_METHODS = ("get", "post", "patch", "put", "delete")


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A parameter or field as shown on the page."""

    name: str
    kind: str
    is_required: bool
    description: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """An operation as shown on the page."""

    name: str
    method: str
    path: str
    scope: str
    description: str
    rows: tuple[Row, ...]
    answers: tuple[tuple[str, str], ...]


@cache
def document_of(api: NinjaAPI) -> Document:
    """Return the document with errors, headers and scopes, which ninja leaves out."""
    document: Document = api.get_openapi_schema(path_prefix="/api/v1/")
    scopes = dict(_scopes(api))
    schemas = document["components"].setdefault("schemas", {})
    error = ErrorOut.model_json_schema(ref_template="#/components/schemas/{model}")
    schemas.update(error.pop("$defs"))
    schemas["ErrorOut"] = error
    for operations in document["paths"].values():
        for operation in operations.values():
            _complete(operation, scopes[operation["operationId"]])
    document["components"]["securitySchemes"]["Session"] = {
        "type": "apiKey",
        "in": "cookie",
        "name": settings.SESSION_COOKIE_NAME,
        "description": "The session of the pages, with the header X-CSRFToken.",
    }
    return document


def entries_of(document: Document) -> dict[str, list[Entry]]:
    """Return the operations by tag, for the page."""
    found: dict[str, list[Entry]] = {}
    for path, operations in document["paths"].items():
        for method in _METHODS:
            if method in operations:
                entry = _entry(document, path, method, operations[method])
                found.setdefault(operations[method]["tags"][0], []).append(entry)
    return found


def _scopes(api: NinjaAPI) -> Iterator[tuple[str, str]]:
    for router in api._get_bound_routers():
        for view in router.path_operations.values():
            for operation in view.operations:
                yield api.get_openapi_operation_id(operation), _scope(operation)


def _scope(operation: Operation) -> str:
    for auth in operation.auth_callbacks:
        if isinstance(auth, ApiKeyOrSession):
            return auth.scope
    raise TypeError(f"{operation.view_func.__name__} is open to everyone")


def _complete(operation: Document, scope: str) -> None:
    operation["x-scope"] = scope
    operation["security"] = [{"ApiKeyOrSession": [scope]}, {"Session": []}]
    operation["operationId"] = operation["operationId"].rsplit("_api_", 1)[-1]
    if operation["operationId"].endswith(_CREATING):
        operation["parameters"].append(_IDEMPOTENCY)
    for response in operation["responses"].values():
        response["headers"] = {
            name: {"schema": {"type": "string"}, "description": text}
            for name, text in _RATE_HEADERS.items()
        }
    reference = {"$ref": "#/components/schemas/ErrorOut"}
    for status, text in _ERRORS.items():
        operation["responses"][status] = {
            "description": text,
            "content": {"application/json": {"schema": reference}},
        }


def _entry(document: Document, path: str, method: str, operation: Document) -> Entry:
    answers = [
        (str(status), response["description"])
        for status, response in operation["responses"].items()
        if str(status) not in _ERRORS
    ]
    return Entry(
        name=operation["operationId"],
        method=method.upper(),
        path=path,
        scope=operation["x-scope"],
        description=operation.get("description", ""),
        rows=(*_parameters(operation), *_fields(document, operation)),
        answers=tuple(answers),
    )


def _parameters(operation: Document) -> Iterator[Row]:
    for parameter in operation["parameters"]:
        yield Row(
            name=parameter["name"],
            kind=f"{parameter['in']}, {_kind(parameter['schema'])}",
            is_required=bool(parameter.get("required")),
            description=_words(parameter, parameter["schema"]),
        )


def _fields(document: Document, operation: Document) -> Iterator[Row]:
    content = operation.get("requestBody", {}).get("content", {})
    for body in content.values():
        schema = _resolved(document, body["schema"])
        for name, field in schema.get("properties", {}).items():
            yield Row(
                name=name,
                kind=f"body, {_kind(field)}",
                is_required=name in schema.get("required", ()),
                description=_words(field, field),
            )


def _resolved(document: Document, schema: Document) -> Document:
    name = schema.get("$ref", "").rpartition("/")[2]
    found: Document = document["components"]["schemas"][name] if name else schema
    return found


def _kind(schema: Document) -> str:
    options = schema.get("anyOf", [schema])
    return " or ".join(_kind_of(option) for option in options)


def _kind_of(schema: Document) -> str:
    if "enum" in schema:
        return ", ".join(str(value) for value in schema["enum"])
    if schema.get("type") == "array":
        return f"list of {_kind(schema['items'])}"
    name = schema.get("$ref", "").rpartition("/")[2]
    return str(name or schema.get("format") or schema.get("type") or "any")


def _words(described: Document, schema: Document) -> str:
    """Return the description with the limits behind it."""
    options = [schema, *schema.get("anyOf", [])]
    limits = [
        f"{word} {option[name]}"
        for option in options
        for name, word in _LIMITS.items()
        if name in option
    ]
    if "default" in schema and schema["default"] not in (None, ""):
        limits.append(f"default {schema['default']}")
    text = str(described.get("description") or "")
    return " ".join([text, f"({', '.join(limits)})" if limits else ""]).strip()


_LIMITS = {
    "minimum": "at least",
    "maximum": "at most",
    "minLength": "characters from",
    "maxLength": "characters up to",
    "maxItems": "items up to",
}
