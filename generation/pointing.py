"""German and French pronouns that point at the turn before: "Wer repariert sie?" Pure.

Only those of a question's first clause with nothing in front of them that they may stand
for: in doubt a question stands alone, for the one before it would move its passages.
"""

from __future__ import annotations

import re

from generation.grounding.words import CAPITAL

# A question in German, not in one of the languages where "er" is "is" or "there".
_GERMAN = re.compile(
    r"(?:we[rnm]|wessen|was|wo|woher|wohin|wann|warum|weshalb|wieso|wie|wieviel"
    r"|welche[rsnm]?|ist|sind|war|hat|haben|kann|können|muss|müssen|darf|wird|soll)\b",
    re.IGNORECASE,
)
# In small letters: "Sie" and "Ihr" are the reader. Not "Was gibt es?"
_GERMAN_WORDS = re.compile(
    r"\b(?:er|sie|ihn|ihm|ihnen|dort|da(?:für|von|zu|rin|ran|bei|mit|rüber|durch)"
    r"|(?<!gibt )(?<!geht )(?:es|das)(?=\W*$)|(?P<owner>ihre?[nmrs]?|seine?[nmrs]?))\b"
)
_GERMAN_THING = re.compile(
    r"\b(?:d(?:ie|er|as|en|em|es)|[dm]?eine?[nmrs]?|keine?[nmrs]?|jede[rsnm]?|alle[nr]?"
    rf"|unsere?[nmrs]?)(?: [^\W\d_]+)? {CAPITAL}",
    re.IGNORECASE,
)
# An antecedent of "ihre" needs no article: "Wie oft wechseln Mieter ihre Schlösser?"
_NOUN = re.compile(rf"(?<=\s){CAPITAL}")
_FRENCH_WORDS = re.compile(
    r"-(?:t-)?(?:il|elle)s?\b|\bqu['’](?:il|elle)s?\b(?! (?:y a|faut|est possible)\b)"
    r"|\bqui (?:l['’]|(?:les?|la|lui|leur) )[^\W\d_]+(?: [^\W\d_]+)?(?=\W*$)"
    r"|\bquel(?:le)?s? (?:est|sont) (?:son|sa|ses|leurs?) (?=[^\W\d_]+\W*$)",
    re.IGNORECASE,
)
# "Y a-t-il", "est-il possible": nobody is meant.
_FRENCH_NOBODY = re.compile(
    r"\by a-t-il\b|\b(?:faut|s['’]agit|reste-t|existe-t|convient)-il\b"
    r"|\best-il (?:possible|nécessaire|obligatoire|permis|interdit|prévu|vrai)\b",
    re.IGNORECASE,
)
# With a name: at the beginning, any word that does not ask.
_FRENCH_THING = re.compile(
    r"\b(?i:les?|la|une?|des|du|cet?|cette|ces|mon|ma|mes|notre|nos|votre|vos|chaque)"
    rf" [^\W\d_]|\b[lL]['’][^\W\d_]|(?<=\s){CAPITAL}"
    r"|^(?!(?i:qu|où|com|pourquoi|est|à|de|dans|avec|en|sur|pour))[^\W\d_]+ "
)
_CLAUSE = re.compile(
    r",|(?<=\w )(?:und|oder|wenn|falls|dass|ob|et|ou|si|quand|lorsqu)\b", re.IGNORECASE
)


def points_back(question: str) -> bool:
    """Whether ``question``, in German or French, speaks of what the turn before named."""
    clause = _CLAUSE.split(question.strip(" ¿"), maxsplit=1)[0]
    return _in_german(clause) or _in_french(clause)


def _in_german(clause: str) -> bool:
    found = _GERMAN_WORDS.search(clause) if _GERMAN.match(clause) else None
    if found is None:
        return False
    head = clause[: found.start()]
    has_owner = bool(found["owner"] and _NOUN.search(head))
    return not has_owner and not _GERMAN_THING.search(head)


def _in_french(clause: str) -> bool:
    found = _FRENCH_WORDS.search(_FRENCH_NOBODY.sub("", clause))
    return found is not None and not _FRENCH_THING.search(clause[: found.start()])
