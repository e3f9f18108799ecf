"""The items of a list that a model wrote, each held to its passage. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from generation.concluding import citation_of
from generation.grounding.citations import Cited, check
from generation.grounding.sentences import without_marks
from generation.grounding.words import claim_of, fold
from generation.guards.guarding import is_refusal
from generation.types import Borne, CitationFound, SourceRef
from ingestion.masking import Kind, mask

_BULLET = re.compile(r"^\s*(?:[-*•+]|\d{1,3}[.)])\s+")
# "Oslo [1], Bergen [2]" on one line are two items.
_BETWEEN = re.compile(r"(?<=\])\s*[,;]\s*")


@dataclass(slots=True)
class _Item:
    """``words`` as first written, and by source what in it bears them."""

    words: str
    sources: dict[int, tuple[Borne, ...]] = field(default_factory=dict)

    @property
    def line(self) -> str:
        marks = "".join(f"[{n}]" for n in sorted(self.sources))
        return f"{self.words} {marks}"


class Items:
    """Items in the order in which they came; the same one twice is one.

    ``dropped`` counts lines that no passage bears.
    """

    def __init__(self, topic: str, masks: frozenset[Kind] = frozenset()) -> None:
        self.dropped = 0
        self._topic = topic
        self._masks = masks
        self._found: dict[object, _Item] = {}

    def __len__(self) -> int:
        return len(self._found)

    def take(self, text: str, sources: Sequence[SourceRef]) -> str:
        """Keep the lines of ``text`` that ``sources`` bear; return the new ones."""
        quotes = {
            s.n: mask(s.quote, self._masks) if self._masks else s.quote for s in sources
        }
        headings = {source.n: source.heading for source in sources}
        # Words that no passage uses cannot be asked for near an item.
        said = [claim_of(text).terms for text in (*quotes.values(), *headings.values())]
        is_said = claim_of(self._topic).terms & frozenset().union(*said)
        topic = self._topic if is_said else ""
        new = []
        for line in _lines(text):
            checked = check(line, quotes, question=topic, headings=headings)
            cited = checked.cited
            if not cited or any(c.verdict != "supported" for c in cited):
                self.dropped += 1
                continue
            item = self._add(without_marks(checked.text), cited, sources, quotes)
            if item is not None:
                new.append(f"- {item.line}\n")
        return "".join(new)

    def _add(
        self,
        words: str,
        cited: Sequence[Cited],
        sources: Sequence[SourceRef],
        quotes: Mapping[int, str],
    ) -> _Item | None:
        """Return the item if it is a new one."""
        key = claim_of(words).terms or fold(words)
        known = self._found.get(key)
        item = self._found.setdefault(key, _Item(words.rstrip(" .;,")))
        for one in cited:
            for borne in citation_of(one, sources, quotes).evidence:
                held = item.sources.get(borne.n, ())
                item.sources[borne.n] = tuple(dict.fromkeys((*held, borne)))
            for number in one.sources:
                item.sources.setdefault(number, ())
        return item if known is None else None

    def written(self, head: str) -> tuple[str, list[CitationFound]]:
        """Return the list behind ``head``, and a citation for each item."""
        text, cited = head, []
        for item in self._found.values():
            start = len(text) + len("- ")
            text += f"- {item.line}\n"
            cited.append(
                CitationFound(
                    start=start,
                    end=len(text) - 1,
                    sentence=item.words,
                    sources=tuple(sorted(item.sources)),
                    verdict="supported",
                    evidence=tuple(b for some in item.sources.values() for b in some),
                )
            )
        return text.rstrip("\n"), cited


def _lines(text: str) -> list[str]:
    """Return what the model wrote as items, without bullets and refusals."""
    bare = [_BULLET.sub("", line).strip() for line in text.splitlines()]
    parts = [part.strip() for line in bare for part in _BETWEEN.split(line)]
    return [part for part in parts if part and not _says_none(part)]


def _says_none(line: str) -> bool:
    """Whether a line says that there is no item, as the prompt has it or otherwise."""
    return without_marks(line).strip(" .").lower() == "none" or is_refusal(line)
