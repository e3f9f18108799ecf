"""Code and tables in an answer's Markdown, whose form no change may break. Pure.

CommonMark, sections 4.5 and 6.1, and the tables of GitHub, as far as models write them:
code that is only indented is taken for text.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

_FENCE = (
    r"^(?:[^\S\n]|[-*+>] |\d{1,2}[.)] )*"
    r"(?P<fence>(?P<mark>`{3,}(?=[^`\n]*$)|~{3,})[^\n]*"
    r"(?:\n.*?(?P<closed>^[ \t>]*(?P=mark)[`~]*[ \t]*$)|.*))"
)
# On one line: a backtick that is never closed would take in what follows.
_INLINE = r"(?P<inline>(?<!`)(?P<ticks>`+)(?!`)[^\n]*?[^`\n](?P=ticks)(?!`))"
_HOW = re.MULTILINE | re.DOTALL
_CODE = re.compile(rf"{_FENCE}|{_INLINE}", _HOW)
_CODE_OR_BAR = re.compile(rf"{_FENCE}|{_INLINE}|\\\||(?P<bar>\|)", _HOW)
# A block of code; its group "closed" is None where it goes on to the end of the text.
FENCE = re.compile(_FENCE, _HOW)
# The names of the columns with the rule below them.
_TABLE_HEAD = re.compile(
    r"^(?=[^\n]*\|)[^\n]*\n(?=[^\n]*\|)(?=[^\n]*-)[-|: \t]+$", re.MULTILINE
)
_ROW = re.compile(r"^[ \t]*\|[^\n]*", re.MULTILINE)
_ENDS = re.compile(r"[.!?…。！？]")


def outside_code(text: str, change: Callable[[str], str]) -> str:
    """Apply ``change`` to what is not code: [1] in code is an index."""
    parts: list[str] = []
    at = 0
    for match in _CODE.finditer(text):
        start, end = _span(match)
        parts += [change(text[at:start]), text[start:end]]
        at = end
    return "".join([*parts, change(text[at:])])


def hidden(text: str) -> str:
    """Return ``text`` with x for every character of code."""
    return _CODE.sub(_hide, text)


def _hide(match: re.Match[str]) -> str:
    start, end = _span(match)
    return match[0][: start - match.start()] + "x" * (end - start)


def _span(match: re.Match[str]) -> tuple[int, int]:
    """Return where the code lies, without what stands before a fence on its line."""
    return match.span("fence" if match["fence"] else "inline")


def shielded(text: str) -> str:
    """Return ``text``, of the same length, so that it is cut into what says something.

    A block of code and a row of a table are one sentence each, no sentence ends in code
    between backticks, and the head of a table is none.
    """
    plain = _TABLE_HEAD.sub(lambda match: "\n" * len(match[0]), hidden(text))
    return _ROW.sub(lambda match: _ENDS.sub(",", match[0]), plain)


def pieces(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Yield the spans of text[start:end] that can be enclosed, without white space.

    Those are outside blocks of code and between the bars of a table; an end in code
    between backticks moves out of it.
    """
    at = start
    for match in _CODE_OR_BAR.finditer(text):
        first, last = match.span("fence" if match["fence"] else 0)
        if last <= at:
            continue
        if first >= end:
            break
        if match["fence"] or match["bar"]:
            yield from _stripped(text, at, first)
            at = last
        elif match["inline"]:
            at, end = min(at, first), max(end, last)
    yield from _stripped(text, at, end)


def _stripped(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    words = text[start:end].strip()
    if words:
        first = text.index(words, start)
        yield first, first + len(words)
