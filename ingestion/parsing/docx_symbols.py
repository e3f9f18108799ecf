"""Signs that Word files take from fonts of pictures, as characters of their own."""

from __future__ import annotations

from ingestion.parsing.docx_styles import W
from ingestion.parsing.markup import Element

# By the last two digits of the code; their first two only say "of this font".
# The Symbol font's codes are those of Adobe's Symbol encoding (Unicode Consortium,
# VENDORS/ADOBE/symbol.txt); "m" is typed for micro far more often than for mu.
_GREEK = dict(zip(range(0x41, 0x5B), "ΑΒΧΔΕΦΓΗΙϑΚΛΜΝΟΠΘΡΣΤΥςΩΞΨΖ", strict=True)) | dict(
    zip(range(0x61, 0x7B), "αβχδεφγηιϕκλµνοπθρστυϖωξψζ", strict=True)
)
_MATHS = {
    0x22: "∀", 0x24: "∃", 0x2D: "−", 0x40: "≅", 0x7E: "∼", 0xA2: "′", 0xA3: "≤",
    0xA5: "∞", 0xAB: "↔", 0xAC: "←", 0xAD: "↑", 0xAE: "→", 0xAF: "↓", 0xB0: "°",
    0xB1: "±", 0xB2: "″", 0xB3: "≥", 0xB4: "×", 0xB5: "∝", 0xB6: "∂", 0xB7: "•",
    0xB8: "÷", 0xB9: "≠", 0xBA: "≡", 0xBB: "≈", 0xBC: "…", 0xC5: "⊕", 0xC6: "∅",
    0xC7: "∩", 0xC8: "∪", 0xCE: "∈", 0xCF: "∉", 0xD0: "∠", 0xD1: "∇", 0xD2: "®",
    0xD3: "©", 0xD4: "™", 0xD5: "∏", 0xD6: "√", 0xD7: "⋅", 0xD8: "¬", 0xD9: "∧",
    0xDA: "∨", 0xDB: "⇔", 0xDC: "⇐", 0xDE: "⇒", 0xE5: "∑", 0xF2: "∫",
}  # fmt: skip
# Digits and signs that are the same as everywhere.
_PLAIN = {code: chr(code) for code in b" !#%&()*+,./0123456789:;<=>?[]_{|}"}
_FONTS = {
    "symbol": _PLAIN | _GREEK | _MATHS,
    "wingdings": {
        0x6F: "[ ]", 0xA8: "[ ]", 0x78: "[x]", 0xFC: "[x]", 0xFD: "[x]", 0xFE: "[x]",
        # What Word makes of <--, -->, <== and ==>.
        0xDF: "←", 0xE0: "→", 0xE7: "⇐", 0xE8: "⇒",
    },
    "wingdings 2": {0xA3: "[ ]", 0x50: "[x]", 0x52: "[x]", 0x53: "[x]"},
}  # fmt: skip


def symbol(node: Element) -> str:
    """Return what a sign says; "" for ornaments."""
    code = _hexadecimal(node.get(f"{W}char", ""))
    signs = _FONTS.get(node.get(f"{W}font", "").lower())
    if signs is not None:
        return signs.get(code & 0xFF, "")
    # Private codes mean something in their font only.
    is_private = 0xE000 <= code <= 0xF8FF
    return "" if is_private or code <= 0 else chr(code)


def _hexadecimal(text: str) -> int:
    try:
        return int(text, 16) if len(text) == 4 else 0
    except ValueError:
        return 0
