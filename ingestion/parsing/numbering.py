"""Numbers before items of lists, as a file defines them and readers see them."""

from __future__ import annotations

_UNCOUNTED = {"bullet", "none"}
_ROMAN = (
    (1000, "m"), (900, "cm"), (500, "d"), (400, "cd"), (100, "c"), (90, "xc"),
    (50, "l"), (40, "xl"), (10, "x"), (9, "ix"), (5, "v"), (4, "iv"), (1, "i"),
)  # fmt: skip


def numeral(kind: str, count: int) -> str:
    """Write a number as a kind of list does; unknown kinds are decimal."""
    if kind in _UNCOUNTED:
        return ""
    if kind == "decimalZero":
        return f"{count:02}"
    if kind in {"lowerLetter", "upperLetter"} and 0 < count <= 780:
        # After z come aa, bb and so on.
        letters = chr(ord("a") + (count - 1) % 26) * ((count - 1) // 26 + 1)
        return letters.upper() if kind == "upperLetter" else letters
    if kind in {"lowerRoman", "upperRoman"} and 0 < count < 4000:
        return _roman(count).upper() if kind == "upperRoman" else _roman(count)
    return str(count)


def _roman(count: int) -> str:
    parts = []
    for value, sign in _ROMAN:
        parts.append(sign * (count // value))
        count %= value
    return "".join(parts)
