"""How well items are found in judged texts: `manage.py evaluate pii DIR`."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from ingestion.masking.finding import Found, find
from ingestion.masking.kinds import ALL, Kind
from rag_site.errors import ValidationFailed

# The types of the judged texts that have a pattern, and the kinds that answer to them.
TYPES: dict[str, Kind] = {
    "EMAIL_ADDRESS": Kind.EMAIL,
    "CREDIT_CARD": Kind.CARD,
    "IBAN_CODE": Kind.IBAN,
    "US_SSN": Kind.NATIONAL_ID,
    "US_DRIVER_LICENSE": Kind.LICENCE,
    "PHONE_NUMBER": Kind.PHONE,
    "IP_ADDRESS": Kind.IP,
    "DOMAIN_NAME": Kind.DOMAIN,
    "ZIP_CODE": Kind.POSTCODE,
}


# Texts read before the time is taken.
_WARM = 100


class JudgedInvalid(ValidationFailed):
    """The folder needs pii.jsonl with lines of text and spans."""

    code = "judged_invalid"


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """A text and what stands in it: (type, start, end), all types."""

    text: str
    spans: tuple[tuple[str, int, int], ...]


def run(directory: Path, *, limit: int | None = None) -> dict[str, Any]:
    """Find items in the judged texts of ``directory``. Raises JudgedInvalid."""
    texts = list(islice(read(directory / "pii.jsonl"), limit))
    for judged in texts[:_WARM]:
        # RE2 builds a pattern's automaton where it is first used.
        find(judged.text, ALL)
    started = time.perf_counter()
    found = [find(judged.text, ALL) for judged in texts]
    seconds = time.perf_counter() - started
    chars = sum(len(judged.text) for judged in texts)
    return {
        "dataset": directory.resolve().name,
        "texts": len(texts),
        "types": judge(texts, found),
        "not_looked_for": dict(_others(texts)),
        "ms_per_1000_chars": round(seconds * 1e6 / max(chars, 1), 3),
    }


def read(path: Path) -> Iterable[Judged]:
    try:
        with path.open(encoding="utf-8") as lines:
            for line in lines:
                row = json.loads(line)
                spans = ((s["type"], s["start"], s["end"]) for s in row["spans"])
                yield Judged(text=row["text"], spans=tuple(spans))
    except (OSError, ValueError, KeyError, TypeError) as exc:
        raise JudgedInvalid from exc


def judge(
    texts: Sequence[Judged], found: Sequence[Sequence[Found]]
) -> dict[str, dict[str, Any]]:
    """Return recall and precision for each type that occurs or was found.

    An item is found if one of its kind covers it; what else was found is right
    only if it lies on an item of its type. An item that was masked as another
    kind counts in ``masked`` alone: nothing leaked.
    """
    kinds = {kind: name for name, kind in TYPES.items()}
    expected, hit, masked, given, right = (Counter[str]() for _ in range(5))
    for judged, items in zip(texts, found, strict=True):
        for name, start, end in judged.spans:
            if name in TYPES:
                covering = [i for i in items if i.start <= start and end <= i.end]
                expected[name] += 1
                masked[name] += bool(covering)
                hit[name] += any(i.kind == TYPES[name] for i in covering)
        for item in items:
            name = kinds[item.kind]
            given[name] += 1
            right[name] += any(
                kind == name and start < item.end and item.start < end
                for kind, start, end in judged.spans
            )
    return {
        name: {
            "n": expected[name],
            "recall": _share(hit[name], expected[name]),
            "masked": _share(masked[name], expected[name]),
            "found": given[name],
            "precision": _share(right[name], given[name]),
        }
        for name in TYPES
        if expected[name] or given[name]
    }


def _others(texts: Sequence[Judged]) -> Counter[str]:
    """Types without a pattern: names, places, dates and the like."""
    return Counter(n for judged in texts for n, _, _ in judged.spans if n not in TYPES)


def _share(part: int, count: int) -> float | None:
    return round(part / count, 4) if count else None
