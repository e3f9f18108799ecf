"""Lists a page at a time (a leaf): by key, so that a page never shifts or repeats."""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Generic, TypeVar

from django.core.exceptions import ValidationError
from django.db.models import Model, Q, QuerySet
from ninja import Query

from rag_site.errors import InvalidInput

RowT = TypeVar("RowT", bound=Model)

MAX_LIMIT = 100

#: Query parameters of every list.
Limit = Annotated[int, Query(20, ge=1, le=MAX_LIMIT)]
Cursor = Annotated[
    str,
    Query("", max_length=500, description="`next_cursor` of the page before."),
]


class BadCursor(InvalidInput):
    """This cursor is not valid. Start again without one."""

    code = "bad_cursor"


@dataclass(frozen=True, slots=True, kw_only=True)
class Slice(Generic[RowT]):
    """One page of rows; ``next_cursor`` is None on the last one."""

    items: list[RowT]
    next_cursor: str | None


def slice_of(
    rows: QuerySet[RowT], *, order: Sequence[str], limit: int, cursor: str
) -> Slice[RowT]:
    """Return the rows that follow ``cursor`` in ``order``.

    Args:
        order: field names as for ``order_by``; together they must be unique.

    Raises:
        BadCursor: not made by this function for this order.
    """
    if cursor:
        rows = rows.filter(_after(order, _values(rows.model, order, cursor)))
    found = list(rows.order_by(*order)[: limit + 1])
    more = len(found) > limit
    return Slice(
        items=found[:limit],
        next_cursor=_cursor(found[limit - 1], order) if more else None,
    )


def _after(order: Sequence[str], values: Sequence[Any]) -> Q:
    """Return the condition for rows that come after ``values``, field by field."""
    condition, equal = Q(), Q()
    for name, value in zip(order, values, strict=True):
        field = name.removeprefix("-")
        comparison = "lt" if name.startswith("-") else "gt"
        condition |= equal & Q(**{f"{field}__{comparison}": value})
        equal &= Q(**{field: value})
    return condition


def _cursor(row: Model, order: Sequence[str]) -> str:
    values = [_plain(getattr(row, name.removeprefix("-"))) for name in order]
    return base64.urlsafe_b64encode(json.dumps(values).encode()).decode().rstrip("=")


def _plain(value: Any) -> str:
    return str(value.isoformat()) if hasattr(value, "isoformat") else str(value)


def _values(model: type[Model], order: Sequence[str], cursor: str) -> list[Any]:
    try:
        raw = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        if not (isinstance(raw, list) and all(_is_sound(item) for item in raw)):
            raise BadCursor
        return [
            model._meta.get_field(name.removeprefix("-")).to_python(item)  # type: ignore[union-attr]  # own columns only
            for name, item in zip(order, raw, strict=True)
        ]
    except (ValueError, binascii.Error, ValidationError, RecursionError) as exc:
        raise BadCursor from exc


def _is_sound(item: Any) -> bool:
    """Whether Postgres takes it: no NUL, no half of a surrogate pair."""
    return isinstance(item, str) and not re.search("[\x00\ud800-\udfff]", item)
