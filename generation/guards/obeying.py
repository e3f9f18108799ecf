"""Answers that rest on an order inside a document, and on nothing else there. Pure.

Whether a sentence is an order to a model cannot be told for sure: a handbook of
security is full of them. So no passage loses a word by it. But an answer that only
such a sentence bears, to a question that does not speak of it, is what the order
wanted and not what was asked.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from generation.grounding.evidence import SUPPORTED_SHARE, joined, share_of
from generation.grounding.sentences import split_sentences, without_marks
from generation.grounding.words import Claim, claim_of

# How published injections speak to a model: garak's and PromptInject's attack
# strings, and BIPIA's. Set on the development half of the injection set.
_ORDER = re.compile(
    r"\b(?:ignore|disregard|forget|override)\b.{0,60}"
    r"\b(?:instructions?|previous|prior|above|following|rest|data|everything|rules)\b"
    r"|\b(?:just|only|instead|simply)\s+(?:print|say|reply|respond|write|output)\b"
    r"|\bthen\s+(?:say|reply|respond|output)\b"
    # Words to be written, not "Please reply with the signed form".
    r"|\breply with (?:the )?(?:words?\b|phrase\b|[\"“‘«'<]|(?-i:[A-Z]))"
    r"|\bif (?:the )?user asks\b|\bstop everything\b"
    r"|\b(?:in|to|modify|augment|enhance|provide|render|add|include)\b.{0,40}"
    r"\byour (?:response|reply|answer|message)\b"
    r"|<system>|\[system\]",
    re.IGNORECASE | re.DOTALL,
)
# A line of a forged conversation; "Assistant: Anna Berg" is one of a list of staff.
_TURN = re.compile(
    r"\W*user\W*:[^\n]*\n\W*assistant\W*:"
    r"|\W*(?:assistant|system|user)\W*:[^\n]*\b"
    r"(?:print|say|repeat|write|output|reply|respond|ignore|disregard|forget|tell|obey|focus)\b",
    re.IGNORECASE,
)
# What an order speaks of whose words stand in the sentence behind it. "Please reply with
# the form. You have 14 days." is none.
_TO_A_MODEL = re.compile(
    r"\b(?:instructions?|prompts?|assistant|users?|stop everything)\b|<system>|\[system\]"
    r"|\b(?:ignore|disregard|forget|override)\b.{0,60}"
    r"\b(?:above|previous|prior|everything|all rules)\b",
    re.IGNORECASE,
)


def rests_on_an_order(answer: str, question: str, passages: Sequence[str]) -> bool:
    """Whether all of ``answer`` is said by orders in ``passages`` and nothing else is.

    What is to be said may stand in the sentence after an order to a model.
    """
    asked = claim_of(question)
    said = claim_of(without_marks(answer)).terms - asked.terms
    if not said:
        return False
    sides = [_sides(passage, asked) for passage in passages]
    if any(_holds(told, said) for _, rest in sides for told in rest):
        return False
    return any(_holds(joined(orders), said) for orders, _ in sides if orders)


def _sides(passage: str, asked: Claim) -> tuple[list[Claim], list[Claim]]:
    """Return what orders of ``passage`` say, and what its other sentences do.

    A sentence that speaks of the question is none, and needs none before it.
    """
    orders, rest = list[Claim](), list[Claim]()
    is_after = False
    for sentence in split_sentences(passage):
        told = claim_of(sentence.text)
        is_turn = bool(_TURN.match(passage, sentence.start))
        is_order = is_turn or bool(_ORDER.search(sentence.text))
        is_aside = not asked.terms & told.terms
        (orders if is_aside and (is_order or is_after) else rest).append(told)
        is_to_model = is_after or bool(_TO_A_MODEL.search(sentence.text))
        is_after = is_order and is_to_model
    return orders, rest


def _holds(claim: Claim, said: frozenset[str]) -> bool:
    return share_of(said, claim) >= SUPPORTED_SHARE
