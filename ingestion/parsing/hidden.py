"""Text that a file holds and does not show: a place for planted instructions.

Parsers tell of it where they meet it; ``parse`` turns what was told into notices of
the document. Formats lie in each other (a page in a mail in an archive), so the
teller need not know who listens.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field

#: Why text of a page is not shown.
BY_STYLE = "hidden by its style"
# Words that make a comment of a web page worth telling.
MIN_COMMENT_WORDS = 4
_MOST = 10_000
# Language tags have no look at all; overrides make text read otherwise than it is.
# Joiners, marks and embeddings are left alone: many scripts need them.
_TAGS = re.compile("[\U000e0000-\U000e007f]")
_OVERRIDES = re.compile("[\u202d\u202e]")


@dataclass(slots=True)
class Hidden:
    """What was met: texts by reason, those left out and those kept apart.

    Attributes:
        struck: texts that are left out too, because they are struck out.
    """

    left_out: dict[str, set[str]] = field(default_factory=dict)
    kept: dict[str, set[str]] = field(default_factory=dict)
    struck: dict[str, set[str]] = field(default_factory=dict)


_listening: ContextVar[Hidden | None] = ContextVar("hidden", default=None)


@contextmanager
def listening() -> Iterator[Hidden]:
    """Collect what parsers tell inside the block."""
    found = Hidden()
    token = _listening.set(found)
    try:
        yield found
    finally:
        _listening.reset(token)


def left_out(reason: str, text: str) -> None:
    """Tell of text that is surely not shown; it is not part of any page."""
    found = _listening.get()
    if found is not None:
        _add(found.left_out, reason, text)


def struck_out(text: str) -> None:
    """Tell of text that is shown, but struck out; it is not part of any page."""
    found = _listening.get()
    if found is not None:
        _add(found.struck, "struck out", text)


def kept(reason: str, text: str) -> None:
    """Tell of text that may not be shown; it stays in its page."""
    found = _listening.get()
    if found is not None:
        _add(found.kept, reason, text)


def _add(told: dict[str, set[str]], reason: str, text: str) -> None:
    words = " ".join(text.split())[:200]
    if words and len(told.setdefault(reason, set())) < _MOST:
        told[reason].add(words)


def check_characters(text: str) -> None:
    """Tell of language tags and of overrides of direction in ``text``."""
    tagged = "".join(_TAGS.findall(text))
    if tagged:
        plain = "".join(chr(ord(char) - 0xE0000) for char in tagged)
        left_out("in invisible tag characters", plain)
    if _OVERRIDES.search(text):
        kept("with its direction overridden", text)


def notices_of(found: Hidden) -> tuple[str, ...]:
    """Return the sentences for the person who added the file; they quote nothing."""
    notices = []
    if found.left_out:
        notices.append(
            f"Hidden text was left out: {_reasons(found.left_out)}. "
            "Readers of the file do not see it."
        )
    if found.kept:
        notices.append(
            f"Readers of the file may not see all of its text: {_reasons(found.kept)}. "
            "It is searched all the same; look at the text as extracted."
        )
    if found.struck:
        notices.append(
            f"Text that no longer holds was left out: {_reasons(found.struck)}. "
            "Readers of the file see it with a line through it."
        )
    return tuple(notices)


def _reasons(told: dict[str, set[str]]) -> str:
    parts = [f"{_passages(len(texts))} {reason}" for reason, texts in told.items()]
    return ", ".join(parts)


def _passages(count: int) -> str:
    return "1 passage" if count == 1 else f"{count:,} passages"
