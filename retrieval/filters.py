"""Which documents a question is asked of: ``type:pdf after:2025-01-01 …``. Pure.

    parse("leave days file:handbook") -> ("leave days", Filters(names=("handbook",)))

A filter is a known word, a colon and a value without a blank, or a value in
quotation marks: ``file:"annual report"``. The same filter twice means either;
different filters must all hold. What only looks like a filter (a time, an
address, "note: see below") stays part of the question, unless it is almost one
of the known words.
"""

from __future__ import annotations

import datetime as dt
import difflib
import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any
from uuid import UUID

from ingestion.filetypes import EXTENSIONS, PICTURES
from ingestion.languages import CONFIGURATIONS, EXACT
from ingestion.tagging import TagInvalid, as_tag
from rag_site.errors import ValidationFailed

#: Values of one filter, and characters of one value.
MAX_VALUES, MAX_VALUE_CHARS = 20, 200

# Media types by name: every ending that can be added, and words for families.
TYPES: dict[str, tuple[str, ...]] = {
    **{ending.removeprefix("."): (kind,) for ending, kind in EXTENSIONS.items()},
    "word": tuple(EXTENSIONS[e] for e in (".docx", ".odt", ".rtf")),
    "excel": tuple(EXTENSIONS[e] for e in (".xlsx", ".ods", ".csv", ".tsv")),
    "powerpoint": tuple(EXTENSIONS[e] for e in (".pptx", ".odp")),
    "text": tuple(EXTENSIONS[e] for e in (".txt", ".md")),
    "mail": tuple(EXTENSIONS[e] for e in (".eml", ".msg")),
    "picture": tuple(sorted(PICTURES)),
}
#: The first code of each text-search configuration.
CODES = {name: code for code, name in reversed(CONFIGURATIONS.items())}
_NAMES = {
    "file": "file",
    "filename": "file",
    "type": "type",
    "filetype": "type",
    "tag": "tag",
    "label": "tag",
    "after": "after",
    "since": "after",
    "before": "before",
    "lang": "lang",
    "language": "lang",
}
_FILTER = re.compile(
    r"(?<!\S)(?P<name>[A-Za-z]{2,12}):(?P<value>\"[^\"]*\"|[^\s\"]*)(?!\S)"
)
_DATE = re.compile(r"(\d{4})(?:-(\d{1,2})(?:-(\d{1,2}))?)?")


class FilterInvalid(ValidationFailed):
    """A filter of the question cannot be understood."""

    code = "filter_invalid"


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """What a document must be to be searched; nothing set lets every one through.

    Attributes:
        documents: only these; they narrow, and never widen, what may be read.
        names: pieces of name or folder, one of which must occur, in any case.
        media_types: of the current version.
        tags: one of which the document must have, as ingestion.tagging stores them.
        languages: Postgres text-search configurations.
        after, before: the day on which the version was added, in the site's
            time zone: from ``after`` on, and earlier than ``before``.
    """

    documents: tuple[UUID, ...] = ()
    names: tuple[str, ...] = ()
    media_types: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()
    after: dt.date | None = None
    before: dt.date | None = None

    def __post_init__(self) -> None:
        if self.after and self.before and self.after >= self.before:
            raise FilterInvalid(
                f"after:{self.after} and before:{self.before} leave no day between "
                "them. before: means earlier than its day."
            )

    def __bool__(self) -> bool:
        return any(getattr(self, field.name) for field in fields(self))


NO_FILTERS = Filters()


def parse(question: str) -> tuple[str, Filters]:
    """Return the question without its filters, and the filters.

    Raises:
        FilterInvalid: a known filter with a value that is none, or a word before
            a colon that is almost a known one.
    """
    found: dict[str, list[str]] = {}
    spans: list[tuple[int, int]] = []
    for match in _FILTER.finditer(question):
        name = _NAMES.get(match["name"].lower())
        if not match["value"] or match["value"].startswith("//"):
            continue
        if name is None:
            _refuse_near_miss(match["name"], match["value"])
            continue
        found.setdefault(name, []).append(match["value"].strip('"').strip())
        spans.append(match.span())
    return _without(question, spans), make(found)


def make(values: Mapping[str, Sequence[str]]) -> Filters:
    """Return filters of values by name: file, type, tag, lang, after, before.

    Raises:
        FilterInvalid
    """
    for name, given in values.items():
        _check(name, given)
    return Filters(
        names=tuple(dict.fromkeys(_name(v) for v in values.get("file", ()))),
        media_types=_each(values.get("type", ()), _media_types_of),
        tags=_each(values.get("tag", ()), _tag),
        languages=_each(values.get("lang", ()), _language),
        after=max((day(v, "after") for v in values.get("after", ())), default=None),
        before=min((day(v, "before") for v in values.get("before", ())), default=None),
    )


def values_of(filters: Filters) -> dict[str, list[str]]:
    """Return what ``make`` takes; ``documents`` are left out."""
    days = {"after": filters.after, "before": filters.before}
    values = {
        "file": list(filters.names),
        "type": _types_named(filters.media_types),
        "tag": list(filters.tags),
        "lang": [CODES.get(name, name) for name in filters.languages],
        **{name: [day.isoformat()] for name, day in days.items() if day},
    }
    return {name: given for name, given in values.items() if given}


def as_words(filters: Filters) -> str:
    """Return what stands for ``filters`` in a question; ``documents`` are left out."""
    given = values_of(filters).items()
    return " ".join(f"{name}:{_quoted(v)}" for name, values in given for v in values)


def _quoted(value: str) -> str:
    return value if re.fullmatch(r"[\w.-]+", value) else f'"{value}"'


def _types_named(media_types: Sequence[str]) -> list[str]:
    """Return words of TYPES for these and no others, families before single types."""
    left, names = set(media_types), []
    for name in sorted(TYPES, key=lambda word: -len(TYPES[word])):
        if left.issuperset(TYPES[name]):
            names.append(name)
            left.difference_update(TYPES[name])
    return names


def day(value: str, name: str) -> dt.date:
    """Return the first day of "2025", "2025-03" or "2025-03-31"."""
    match = _DATE.fullmatch(value)
    try:
        if match is None:
            raise ValueError(value)
        year, month, date = (int(part or 1) for part in match.groups())
        return dt.date(year, month, date)
    except ValueError as exc:
        raise FilterInvalid(
            f"{name}:{value} is not a date. Write {name}:2025-01-31, {name}:2025-01 "
            f"or {name}:2025.",
            detail={"filter": name},
        ) from exc


def as_json(filters: Filters) -> dict[str, Any]:
    """Return what ``from_json`` takes, without what is not set."""
    return {
        field.name: str(value)
        if isinstance(value, dt.date)
        else [str(v) for v in value]
        for field in fields(filters)
        if (value := getattr(filters, field.name))
    }


def from_json(stored: Mapping[str, Any]) -> Filters:
    return Filters(
        documents=tuple(UUID(pk) for pk in stored.get("documents", ())),
        names=tuple(stored.get("names", ())),
        media_types=tuple(stored.get("media_types", ())),
        tags=tuple(stored.get("tags", ())),
        languages=tuple(stored.get("languages", ())),
        after=_stored_day(stored.get("after")),
        before=_stored_day(stored.get("before")),
    )


def _stored_day(value: str | None) -> dt.date | None:
    return dt.date.fromisoformat(value) if value else None


def _check(name: str, given: Sequence[str]) -> None:
    if len(given) > MAX_VALUES:
        raise FilterInvalid(
            f"{name}: was given {len(given)} times; the limit is {MAX_VALUES}.",
            detail={"filter": name},
        )
    for value in given:
        if not value:
            raise FilterInvalid(
                f"{name}: names nothing. Write it as in {_EXAMPLES[name]}.",
                detail={"filter": name},
            )
        if len(value) > MAX_VALUE_CHARS:
            raise FilterInvalid(
                f"The value of {name}: has {len(value)} characters; the limit is "
                f"{MAX_VALUE_CHARS}.",
                detail={"filter": name},
            )


_EXAMPLES = {
    "file": "file:handbook",
    "type": "type:pdf",
    "tag": "tag:travel",
    "after": "after:2025-01-31",
    "before": "before:2025-01-31",
    "lang": "lang:de",
}


def _media_types_of(value: str) -> tuple[str, ...]:
    kind = value.lower().removeprefix(".")
    if kind not in TYPES:
        raise FilterInvalid(
            f"type:{value} is not a type of file here. Use one of "
            f"{', '.join(sorted(TYPES))}.",
            detail={"filter": "type"},
        )
    return TYPES[kind]


def _name(value: str) -> str:
    """As names are stored: macOS hands out accents as characters of their own."""
    return unicodedata.normalize("NFC", value).lower()


def _tag(value: str) -> tuple[str, ...]:
    try:
        return (as_tag(value),)
    except TagInvalid as exc:
        raise FilterInvalid(
            f"tag:{value} cannot be a tag. {exc.message}", detail={"filter": "tag"}
        ) from exc


def _language(value: str) -> tuple[str, ...]:
    name = value.lower()
    if name in CONFIGURATIONS:
        return (CONFIGURATIONS[name],)
    if name in {*CONFIGURATIONS.values(), EXACT}:
        return (name,)
    raise FilterInvalid(
        f"lang:{value} is not a language that is known here. Use a code such as en, "
        "de, fr or es, or simple for documents in any other one.",
        detail={"filter": "lang"},
    )


def _each(
    values: Iterable[str], read: Callable[[str], tuple[str, ...]]
) -> tuple[str, ...]:
    return tuple(dict.fromkeys(one for value in values for one in read(value)))


def _refuse_near_miss(name: str, value: str) -> None:
    """Raise for "tpye:pdf" and for what other sites have; "ratio:3" is a word."""
    word = name.lower()
    near = difflib.get_close_matches(word, _NAMES, n=1, cutoff=0.75)
    if near and abs(len(near[0]) - len(word)) <= 1:
        meant = _NAMES[near[0]]
        raise FilterInvalid(
            f"There is no filter {name}: – did you mean {meant}:? If it is part of "
            f'the question, write "{name}: {value}" with a blank.',
            detail={"filter": name},
        )


def _without(question: str, spans: Sequence[tuple[int, int]]) -> str:
    if not spans:
        return question
    kept, at = [], 0
    for start, end in spans:
        kept.append(question[at:start])
        at = end
    kept.append(question[at:])
    return " ".join(" ".join(kept).split())
