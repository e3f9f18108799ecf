"""Finding items in text that arrives in pieces. Where it is cut changes nothing.

The text is taken apart at places where no item can lie across: between two words
of which neither, or only one, could be part of a number. Each group of words is
matched by itself with what stands to its left, so a group that has ended is
decided for good. A group that does not end is matched through windows of
``WINDOW`` characters.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from ingestion.masking.kinds import USUAL, Kind
from ingestion.masking.rules import BLOCK_END, BLOCK_START, RULES, Rule

# Longest group matched at once, and how far one item may reach over its beginning.
WINDOW, REACH = 512, 96
# Text to the left that a check may look at.
LEFT = 48
# Candidates of one rule in one group that fail before the rest is looked at once.
_RETRIES = 8
# Longest word that can be a part of a number.
_PART = 40
# A beginning of the end line of a key block that may be at the end of a piece.
_END_LINE = 64

# Single classes of characters, in which nothing can be gone back over.
_SPACE = re.compile(r"\s")
_WORD = re.compile(r"\S+")
_DIGIT = re.compile(r"[0-9]")
_SIGN = re.compile("[@.:]")
# Fewer characters than in any item without digits and signs.
_SHORTEST = 15
_MARK = re.compile(r"^\[\d{1,2}(?:,\d{1,2})*\][.,;]?$")
# Words after a number that say what it was.
_AFTER = {
    "office",
    "fax",
    "mobile",
    "cell",
    "home",
    "work",
    "direct",
    "landline",
    "ext",
    *("€", "$", "£", "¥", "euro", "euros", "dollar", "dollars", "us-dollar", "pounds"),
}
_KEY_WORDS = {"RSA", "EC", "DSA", "OPENSSH", "ENCRYPTED", "PGP", "PRIVATE", "KEY"}
# One character for one: full-width forms, spaces that do not break, hyphens.
_PLAIN = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)}
_PLAIN |= dict.fromkeys([0xA0, 0x2007, 0x2009, 0x202F], 0x20)
_PLAIN |= dict.fromkeys([*range(0x2010, 0x2016), 0x2212, 0xAD], 0x2D)


@dataclass(frozen=True, slots=True)
class Found:
    """An item: its span in all that was fed, half open.

    Attributes:
        goes_on: it continues the item before, which was too long for one look.
    """

    kind: Kind
    start: int
    end: int
    goes_on: bool = False


class Finder:
    """Give it text with ``feed``, take what is found; ``settled`` is the frontier.

    Everything before ``settled`` is decided: no item that is still to be found
    begins there.
    """

    def __init__(self, kinds: frozenset[Kind] = USUAL) -> None:
        self._rules = tuple(rule for rule in RULES if rule.kind in kinds)
        # What was fed from ``_first`` on; decided up to ``_at`` in it.
        self._text = ""
        self._first = self._at = 0
        # "block" until the end line of a key, "token" until the next white space.
        self._masking = ""

    @property
    def settled(self) -> int:
        return self._first + self._at

    def feed(self, text: str) -> list[Found]:
        kept = max(0, self._at - LEFT)
        self._text = self._text[kept:] + text.translate(_PLAIN)
        self._first, self._at = self._first + kept, self._at - kept
        return list(self._advance(is_last=False))

    def finish(self) -> list[Found]:
        return list(self._advance(is_last=True))

    def _advance(self, *, is_last: bool) -> Iterator[Found]:
        while self._at < len(self._text):
            before = self._at
            step = self._go_on if self._masking else self._group
            yield from step(is_last=is_last)
            if self._at == before:
                return

    def _go_on(self, *, is_last: bool) -> Iterator[Found]:
        """Mask on through a key block or an overlong word."""
        start, end = self._at, len(self._text)
        if self._masking == "token":
            space = _SPACE.search(self._text, start)
            self._masking = "" if space else "token"
            end = space.start() if space else end
        elif (line := BLOCK_END.search(self._text, start)) is not None:
            self._masking, end = "", line.end()
        elif not is_last:
            end = max(start, end - _END_LINE)
        if end > start:
            first = self._first
            yield Found(Kind.KEY, first + start, first + end, goes_on=True)
        self._at = end

    def _group(self, *, is_last: bool) -> Iterator[Found]:
        word = _WORD.search(self._text, self._at)
        self._at = word.start() if word else len(self._text)
        end = _group_end(self._text, self._at, is_last=is_last) if word else None
        if end is None:
            return
        is_window = end >= self._at + WINDOW
        text = self._text[self._at : min(end, self._at + WINDOW)]
        left = self._text[max(0, self._at - LEFT) : self._at]
        yield from self._take(text, _matches(text, left, self._rules), is_window)

    def _take(self, text: str, found: list[Found], is_window: bool) -> Iterator[Found]:
        """Give what is found in ``text`` and move the frontier behind it."""
        end = _cut(text, found) if is_window else len(text)
        first = self.settled
        for item in found:
            if item.start >= end:
                break
            yield Found(item.kind, first + item.start, first + item.end)
            if BLOCK_START.search(text[item.start : item.end]):
                self._masking, end = "block", item.end
                break
            if is_window and item.end == len(text):
                self._masking = "token"
        self._at += end


def find(text: str, kinds: frozenset[Kind] = USUAL) -> list[Found]:
    """Return the items in ``text`` in order; those that go on are joined."""
    finder = Finder(kinds)
    joined: list[Found] = []
    for item in [*finder.feed(text), *finder.finish()]:
        if item.goes_on and joined:
            joined[-1] = Found(joined[-1].kind, joined[-1].start, item.end)
        else:
            joined.append(item)
    return joined


def _cut(text: str, found: list[Found]) -> int:
    """Return where a window ends for good: before what may reach beyond it."""
    end = WINDOW - REACH
    for item in found:
        if item.start < end < item.end or item.end == len(text):
            return item.end
    words = [match.start() for match in _WORD.finditer(text, 0, end)]
    return words[-1] if words and words[-1] else end


def _group_end(text: str, at: int, *, is_last: bool) -> int | None:
    """Return the end of the group that begins at ``at``, None if undecided."""
    start, end = at, _word_end(text, at)
    while end < min(len(text), at + WINDOW):
        word = text[start:end]
        if text[end] != " " or not _may_join(word):
            return end
        upcoming = _word_end(text, end + 1)
        if not (upcoming < len(text) or is_last or upcoming - end > _PART):
            return None
        if not _joins(word, text[end + 1 : upcoming]):
            return end
        start, end = end + 1, upcoming
    return end if is_last or end >= at + WINDOW else None


def _word_end(text: str, start: int) -> int:
    # Enough of the text for the longest word that matters.
    most = min(len(text), start + WINDOW)
    found = _SPACE.search(text, start, most)
    return found.start() if found else most


def _has_digit(word: str) -> bool:
    return bool(_DIGIT.search(word)) and not _MARK.match(word)


def _is_code(word: str) -> bool:
    return len(word) <= 4 and word.isalpha() and word.isupper()


def _may_join(word: str) -> bool:
    """Whether an item could go on after ``word``."""
    if len(word) > _PART or word[-1] in ",;:!?.]":
        return False
    return (
        _has_digit(word)
        or _is_code(word)
        or word in _KEY_WORDS
        or word.endswith("-----BEGIN")
    )


def _joins(word: str, after: str) -> bool:
    if len(after) > _PART or not after:
        return False
    if word in _KEY_WORDS or word.endswith("-----BEGIN"):
        return True
    if _has_digit(after):
        return True
    return _has_digit(word) and (
        _is_code(after.rstrip(".,;:!?)")) or after.lower().strip("().,;:!?") in _AFTER
    )


def _matches(text: str, left: str, rules: tuple[Rule, ...]) -> list[Found]:
    """Return the items of one group, the leftmost and then the longest of each place."""
    digits = len(_DIGIT.findall(text))
    if not digits and len(text) < _SHORTEST and not _SIGN.search(text):
        return []
    ranked = [
        (start, -end, order, rule.kind)
        for order, rule in enumerate(rules)
        if rule.fits(text, digits)
        for start, end in _spans(rule, text, left)
    ]
    kept: list[Found] = []
    for start, end, _, kind in sorted(ranked):
        if not kept or start >= kept[-1].end:
            kept.append(Found(kind, start, -end))
    return kept


def _spans(rule: Rule, text: str, left: str) -> Iterator[tuple[int, int]]:
    at = failures = 0
    group = 1 if rule.pattern.groups else 0
    while (match := rule.pattern.search(text, at)) is not None:
        start, end = match.span(group)
        before = (left + text[:start])[-LEFT:].lower()
        length = rule.check(text[start:end], before)
        if length:
            yield start, start + length
        failures += not length
        # An item may begin inside what failed; in a soup of numbers that ends.
        is_soup = failures > _RETRIES
        at = max(start + length, end if is_soup else start + 1)
