"""Canaries: strings in a prompt that no answer has a reason to hold. Pure.

One that shows in an answer proves that the model repeats what surrounds the
passages, or another request's prompt. It is a detector and no proof: what is
paraphrased or encoded in other ways escapes it.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
import unicodedata

# 65 bits in letters and digits that survive folding; a token or two each.
CANARY_CHARS = 13
_ENCODED = re.compile(r"[A-Za-z0-9+/_-]{12,}")
_MAX_DECODED = 20_000


def canary_of(name: str, secret: str) -> str:
    """Return the canary of the request called ``name``.

    The same name gives the same one, so that a stored answer can be made again.
    """
    digest = hmac.new(secret.encode(), f"canary:{name}".encode(), hashlib.sha256)
    return base64.b32encode(digest.digest()).decode()[:CANARY_CHARS].lower()


def shows(canary: str, text: str) -> bool:
    """Whether ``text`` holds the canary, also folded, spaced, reversed or in base64."""
    if not canary:
        return False
    plain = _folded(text)
    if canary in plain or canary[::-1] in plain:
        return True
    squeezed = "".join(text.split())
    runs = {*_ENCODED.findall(text), *_ENCODED.findall(squeezed)}
    return any(canary in _folded(decoded) for run in runs for decoded in _decoded(run))


def _folded(text: str) -> str:
    wide = unicodedata.normalize("NFKC", text).casefold()
    return "".join(char for char in wide if char.isalnum())


def _decoded(run: str) -> list[str]:
    """Return what ``run`` may say in base64, wherever its groups of four begin."""
    plain = run[:_MAX_DECODED].replace("-", "+").replace("_", "/")
    found = []
    for skip in range(4):
        part = plain[skip:]
        # What is cut short may still hold all of it: fill the last group.
        part += "A" * (-len(part) % 4)
        try:
            found.append(base64.b64decode(part).decode("latin-1"))
        except (ValueError, binascii.Error):
            continue
    return found
