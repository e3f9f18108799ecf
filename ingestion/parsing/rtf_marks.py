"""What letters of rich text look like, which the library that reads it ignores.

Hidden, deleted and struck-out letters are taken out and raised numbers marked before
it sees the text; control words and groups stay, so that nothing else changes.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace

from ingestion.parsing import hidden
from ingestion.parsing.powers import is_power

_MARKED = re.compile(r"\\(?:super|striked1|strike|deleted|v)(?![a-z])")
_TOKEN = re.compile(
    r"\\([a-z]{1,32})(-?\d{1,10})?[ ]?|\\'[0-9a-f]{2}|\\[^a-z]|[{}]|[\r\n]+|[^\\{}\r\n]+",
    re.IGNORECASE,
)
# By control word: the attribute of _Look that it switches on, or off with a 0.
_SWITCHES = {
    "v": "hidden", "deleted": "deleted", "strike": "struck", "striked": "struck",
    "super": "raised",
}  # fmt: skip
# Words that stand for a character; others say how things look or where they end.
_CHARACTERS = {
    "u", "emdash", "endash", "emspace", "enspace", "qmspace", "bullet", "lquote",
    "rquote", "ldblquote", "rdblquote",
}  # fmt: skip
# After these no number goes on.
_ENDS = {"par", "line", "tab", "cell", "nestcell", "row", "sect", "page"}


@dataclass(frozen=True, slots=True)
class _Look:
    """How letters look; ``aside`` ones are no text, such as names of styles."""

    hidden: bool = False
    deleted: bool = False
    struck: bool = False
    raised: bool = False
    aside: bool = False


@dataclass(slots=True)
class _Writer:
    """What is kept, and what was taken out since."""

    parts: list[str] = field(default_factory=list)
    hidden: list[str] = field(default_factory=list)
    struck: list[str] = field(default_factory=list)
    before: str = ""
    was_raised: bool = False

    def text(self, part: str, look: _Look) -> None:
        if look.aside:
            self.parts.append(part)
        elif look.hidden:
            self.hidden.append(part)
        elif look.struck and not look.deleted:
            self.struck.append(part)
        elif not look.deleted:
            self.tell()
            is_new = look.raised and not self.was_raised
            if is_new and is_power(self.before, part):
                part = f"^{part}"
            self.parts.append(part)
            # An escape may end in a digit, and is a letter.
            self.before = "" if part.startswith("\\") else part[-1:]
            self.was_raised = look.raised

    def tell(self) -> None:
        hidden.left_out("marked as hidden", "".join(self.hidden))
        hidden.struck_out("".join(self.struck))
        self.hidden.clear()
        self.struck.clear()


def as_shown(text: str, destinations: frozenset[str]) -> str:
    """Leave out letters that are not shown or no longer hold, and tell of them.

    Args:
        destinations: words whose groups hold no text of the document.
    """
    if not _MARKED.search(text):
        return text
    look, stack, writer = _Look(), [], _Writer()
    for match in _TOKEN.finditer(text):
        part, word = match[0], match[1]
        if _is_text(part, word):
            writer.text(part, look)
            continue
        if part == "{":
            stack.append(look)
        elif part == "}":
            look = stack.pop() if stack else look
        else:
            is_aside = part == "\\*" or word in destinations
            look = _changed(look, word, match[2], is_aside=is_aside)
            writer.before = "" if word in _ENDS else writer.before
        writer.parts.append(part)
    writer.tell()
    return "".join(writer.parts)


def _is_text(part: str, word: str | None) -> bool:
    if word is not None:
        return word in _CHARACTERS
    return part not in {"{", "}", "\\*"} and not part.startswith(("\r", "\n"))


def _changed(
    look: _Look, word: str | None, value: str | None, *, is_aside: bool
) -> _Look:
    """How letters look after a control word."""
    if is_aside:
        return replace(look, aside=True)
    if word == "plain":
        return _Look(aside=look.aside)
    if word in {"nosupersub", "sub"}:
        return replace(look, raised=False)
    if word in _SWITCHES:
        return replace(look, **{_SWITCHES[word]: value != "0"})
    return look
