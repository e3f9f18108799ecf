"""What a question says and what kind it is, alone or after the turn before. Pure."""

from __future__ import annotations

import datetime as dt

from generation.everything.kinds import FACT, Kind, Wanted, recognise
from generation.grounding.words import claim_of
from generation.leaning import ASKED_BEFORE
from generation.standalone import Turn, make_standalone


def understand(
    question: str, previous: Turn | None, today: dt.date
) -> tuple[str, Wanted]:
    """Return the question made to stand alone, and what it asks for.

    "List all documents" has few words of its own and needs nothing of the turn
    before; "Which documents mention it?" does.
    """
    wanted = recognise(question, today)
    said = " ".join((wanted.topic, *wanted.sides))
    if wanted.kind != Kind.FACT and not claim_of(said).points_back:
        return question, wanted
    question = make_standalone(question, previous)
    wanted = recognise(question, today)
    # "Which documents mention it? (asked before: …)" names nothing to look for.
    is_told = ASKED_BEFORE not in question or wanted.kind == Kind.LATEST
    return question, wanted if is_told else FACT
