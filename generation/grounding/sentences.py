"""Cutting an answer into sentences, each with its span and its marks. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from generation.grounding.verbatim import hidden, outside_code, shielded
from ingestion.parsing.tables import BETWEEN

# [1], [1, 2], [1][2]: what the prompt asks for.
MARK = re.compile(r"\[(\d{1,3}(?:\s*[,;]\s*\d{1,3})*)\]")
# On the same line: one at the beginning of the next may be of what follows it.
_MARKS = r"[\"'”’)」』]*(?:[^\S\n]*\[\d{1,3}(?:\s*[,;]\s*\d{1,3})*\])*"
# A sentence ends at a mark of punctuation, with the marks that follow it, before
# white space, which Chinese and Japanese do not write; or at a line break.
_END = re.compile(rf"[.!?…]+{_MARKS}(?=\s|$)|[。！？]+{_MARKS}|\n+")
# Characters, white space not counted, of what is looked for three times in a row: a
# mark, or words. Shorter ones may be meant: "no, no, no".
_ROUND_CHARS = range(3, 200)
_SHORTEST_WORDS = 10
# A mark that the end of a text cut off.
_BROKEN_MARK = re.compile(r"\s*\[[\d,;\s]*$")
# A longer row of a table has sentences in its cells.
_ROW_CHARS = 500
# A day or the like in German: "1. Januar", "19. Jahrhundert".
_ORDINAL = (
    r"\d{1,2}\.(?=[^\S\n]+(?:Jan(?:uar)?|Feb(?:ruar)?|März|Apr(?:il)?|Mai|Juni?|Juli?|"
    r"Aug(?:ust)?|Sept?(?:ember)?|Okt(?:ober)?|Nov(?:ember)?|Dez(?:ember)?|Jahrhunderts?|"
    r"Quartals?|Halbjahrs?|Auflage|Stock|Etage|Klasse|Tag|Woche|Monat|Jahr)\b)"
)
# Full stops of these end no sentence. In turn: short forms; those of two letters in
# German and French; what may end a sentence but before a number: numbered parts, "mind.",
# paragraphs of law; before a small letter or a number: days of the week; before a small
# letter; dates and numbers.
_SHORT = re.compile(
    r"\b(?:Mr|Mrs|Ms|Dr|Prof|St|vs|e\.g|i\.e|cf|Fig|approx|Jr|Sr|Inc|Ltd|Co|Corp|[A-Z]|"
    r"[Ii]ncl|[Ee]xcl|Mme|Mlle|Sra|Srta|Dra|"
    r"Hr|Fr|[Vv]gl|bzw|ca|ggf|evtl|inkl|zzgl|sog|Mio|Mrd|Tsd|"
    r"Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sept?|Oct|Okt|Nov|Dec|Dez)\."
    r"|\b(?:[zZ]\. ?[BT]|[dD]\. ?h|[uU]\. ?a|[oO]\. ?ä|[sS]\. ?[ou]|[iI]\. ?d\. ?R|"
    r"[vn]\. ?Chr|[pP]\. ?e[xj])\."
    r"|\b(?:No|[Nn]r|Art|Abs|[Zz]iff|Kap|Abb|Tab|Bd|Rn|[Ss]ec|[Cc]h|[Vv]ol|[Pp]ara|pp?|"
    r"[Nn]os|[Rr]ev|[Rr]ef|[Ee]xt|[Tt]el|[Mm]ind|[Nn]úm)\.(?=[^\S\n]*[+(]?\d)"
    r"|\b[Gg]em\.(?=[^\S\n]*(?:§|\d|Art\b))"
    r"|\b(?:Mon|Tues?|Wed|Thu(?:rs?)?|Fri|Sat|Sun|Mo|Di|Mi|Do|Sa|So|[Mm]ax|[Mm]in)\."
    r"(?=[^\S\n]+[a-zäöüß\d])"
    r"|\b(?:[ap]\.m|etc|usw|\d{1,2})\.(?=[^\S\n]+[a-zäöüß])"
    r"|\b\d{1,2}\.[^\S\n]?\d{1,2}\.(?=[^\S\n]?(?:19|20)\d\d\b)"
    rf"|\b{_ORDINAL}"
)
# "1. First", but not "1. Januar".
_LIST_NUMBER = re.compile(rf"\s*(?!{_ORDINAL})\d{{1,2}}\.")
#: What a line may begin with before its words: marks of lists, heads and quotes.
LEAD = rf"\s*(?:(?:[-*•+]|(?!{_ORDINAL})\d{{1,2}}[.)]|#{{1,6}}|>)\s+)*"
_LEAD = re.compile(LEAD)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sentence:
    """``text`` is the answer's [start:end], marks included."""

    start: int
    end: int
    text: str

    @property
    def marks(self) -> tuple[int, ...]:
        """Numbers named by the marks, in their order, each once."""
        bare = hidden(self.text)
        numbers = [int(n) for m in MARK.finditer(bare) for n in _numbers(m[1])]
        return tuple(dict.fromkeys(numbers))

    @property
    def words(self) -> str:
        """The sentence without its marks."""
        return without_marks(self.text)


def without_marks(text: str) -> str:
    """Return ``text`` without its marks; code stays as it is."""
    return outside_code(without_broken_mark(text), _bare).strip()


def _bare(text: str) -> str:
    bare = re.sub(r"[ \t]{2,}", " ", MARK.sub("", text))
    return re.sub(r"[ \t]+([.!?,;:])", r"\1", bare)


def without_broken_mark(text: str) -> str:
    """Return ``text`` without a mark that its end cut off."""
    broken = _BROKEN_MARK.search(hidden(text))
    return text[: broken.start()] if broken else text


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


def split_answer(text: str) -> list[Sentence]:
    """Return the sentences of an answer, as of any text, but not of its code and tables.

    A block of code is one, a row of a table is one, and the head of a table is none.
    """
    return [
        replace(sentence, text=text[sentence.start : sentence.end])
        for sentence in split_sentences(shielded(text))
    ]


def split_sentences(text: str) -> list[Sentence]:
    """Return the sentences of ``text``; spans are ordered and never overlap."""
    found: list[Sentence] = []
    start = 0
    inner = {
        short.start() + at
        for short in _SHORT.finditer(text)
        for at, letter in enumerate(short[0])
        if letter == "."
    }
    inner.update(_stops_in_rows(text))
    for match in _END.finditer(text):
        is_stop = match[0] == "." and match.end() < len(text)
        # A text that begins with a list number has not said anything yet.
        if is_stop and (
            match.start() in inner or _LIST_NUMBER.fullmatch(text, start, match.end())
        ):
            continue
        _add(found, text, start, match.end())
        start = match.end()
    _add(found, text, start, len(text))
    return found


def _stops_in_rows(text: str) -> Iterator[int]:
    """Yield where full stops stand in rows of tables: "Company: Inc. | No. Of: 7"."""
    at = 0
    for line in text.split("\n"):
        if BETWEEN in line and len(line) <= _ROW_CHARS:
            yield from (at + i for i, letter in enumerate(line) if letter == ".")
        at += len(line) + 1


def _add(found: list[Sentence], text: str, start: int, end: int) -> None:
    """Add text[start:end] without surrounding white space and list marks."""
    lead = _LEAD.match(text, start, end)
    is_item = bool(lead and lead[0].strip())
    start = lead.end() if lead else start
    stripped = text[start:end].rstrip()
    if re.search(r"\w", MARK.sub("", stripped)):
        found.append(Sentence(start=start, end=start + len(stripped), text=stripped))
    elif not is_item:
        _join_marks(found, text, start, stripped)


def _join_marks(found: list[Sentence], text: str, start: int, marks: str) -> None:
    """Marks that stand alone belong to the sentence before them, if no item is between."""
    between = _LEAD.match(text, found[-1].end, start) if found else None
    if between and not between[0].strip() and MARK.search(marks):
        last = found.pop()
        end = start + len(marks)
        found.append(Sentence(start=last.start, end=end, text=text[last.start : end]))
