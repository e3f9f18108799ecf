"""Cutting an answer into sentences, each with its span and its marks. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass

# [1], [1, 2], [1][2]: what the prompt asks for.
MARK = re.compile(r"\[(\d{1,3}(?:\s*[,;]\s*\d{1,3})*)\]")
_MARKS = r"[\"'”’)」』]*(?:\s*\[\d{1,3}(?:\s*[,;]\s*\d{1,3})*\])*"
# A sentence ends at a mark of punctuation, with the marks that follow it, before
# white space, which Chinese and Japanese do not write; or at a line break.
_END = re.compile(rf"[.!?…]+{_MARKS}(?=\s|$)|[。！？]+{_MARKS}|\n+")
# Characters, white space not counted, of what is looked for three times in a row: a
# mark, or words. Shorter ones may be meant: "no, no, no".
_ROUND_CHARS = range(3, 200)
_SHORTEST_WORDS = 10
# A mark that the end of a text cut off.
BROKEN_MARK = re.compile(r"\s*\[[\d,;\s]*$")
_ABBREVIATIONS = re.compile(
    r"(?:\b(?:Mr|Mrs|Ms|Dr|Prof|St|No|Nr|vs|etc|e\.g|i\.e|cf|Fig|approx|Jr|Sr|Inc|Ltd|Co|"
    r"Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sep|Sept|Oct|Nov|Dec)|\b[A-Z]|\d)\.$"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sentence:
    """``text`` is the answer's [start:end], marks included."""

    start: int
    end: int
    text: str

    @property
    def marks(self) -> tuple[int, ...]:
        """Numbers named by the marks, in their order, each once."""
        numbers = [int(n) for m in MARK.finditer(self.text) for n in _numbers(m[1])]
        return tuple(dict.fromkeys(numbers))

    @property
    def words(self) -> str:
        """The sentence without its marks."""
        return without_marks(self.text)


def without_marks(text: str) -> str:
    bare = re.sub(r"[ \t]{2,}", " ", MARK.sub("", BROKEN_MARK.sub("", text)))
    return re.sub(r"[ \t]+([.!?,;:])", r"\1", bare).strip()


def without_rounds(text: str) -> str:
    """Return ``text`` up to where it begins to repeat itself, which it then says once.

    That is: it ends with the same words, or the same mark, three times in a row. Small
    models do not end that by themselves.
    """
    places = [place for place, letter in enumerate(text) if not letter.isspace()]
    dense = "".join(text[place] for place in places)
    unit = next((n for n in _ROUND_CHARS if _ends_with_three(dense, n)), None)
    if unit is None:
        return text
    end = len(dense)
    while dense[:end].endswith(dense[-unit:] * 2):
        end -= unit
    return text[: places[end - 1] + 1]


def _ends_with_three(dense: str, length: int) -> bool:
    unit = dense[-length:]
    if not dense.endswith(unit * 3):
        return False
    # The rule under a table's head has no words.
    is_said = length >= _SHORTEST_WORDS and re.search(r"\w", unit)
    return bool(is_said or MARK.fullmatch(unit))


def _numbers(inside: str) -> list[str]:
    return re.findall(r"\d+", inside)


def split_sentences(text: str) -> list[Sentence]:
    """Return the sentences of ``text``; spans are ordered and never overlap."""
    found: list[Sentence] = []
    start = 0
    for match in _END.finditer(text):
        if match[0][0] != "\n" and _is_abbreviation(text, start, match):
            continue
        _add(found, text, start, match.end())
        start = match.end()
    _add(found, text, start, len(text))
    return found


def _is_abbreviation(text: str, start: int, match: re.Match[str]) -> bool:
    """Whether the full stop ends a short form or a list number, not a sentence."""
    if match[0] != "." or match.end() == len(text):
        return False
    head = text[start : match.end()]
    if re.search(r"\d\.$", head):
        # "1. First" is a list; "in 1066. The" ends a sentence.
        return bool(re.fullmatch(r"\s*\d{1,2}\.", head))
    return bool(_ABBREVIATIONS.search(head))


def _add(found: list[Sentence], text: str, start: int, end: int) -> None:
    """Add text[start:end] without surrounding white space and list marks."""
    raw = text[start:end]
    lead = re.match(r"\s*(?:(?:[-*•+]|\d{1,2}[.)]|#{1,6}|>)\s+)*", raw)
    start += lead.end() if lead else 0
    stripped = text[start:end].rstrip()
    if not re.search(r"\w", MARK.sub("", stripped)):
        _join_marks(found, text, start, stripped)
        return
    found.append(Sentence(start=start, end=start + len(stripped), text=stripped))


def _join_marks(found: list[Sentence], text: str, start: int, marks: str) -> None:
    """Marks that stand alone belong to the sentence before them."""
    if found and MARK.search(marks):
        last = found.pop()
        end = start + len(marks)
        found.append(Sentence(start=last.start, end=end, text=text[last.start : end]))
