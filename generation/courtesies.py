"""What is said to the site but asks nothing: "Thanks!", "ok", "hello". Pure.

Searched, it finds whatever passage has the word. Only a whole message counts: "Thanks
to whom was it built?" is a question. To add a language, add a row.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from generation.grounding.words import fold

#: How the receipt names such an answer.
WAY = "set words, nothing searched"
# A longer message says something.
_MAX_CHARS = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Courtesies:
    """Patterns of one language, without accents, marks and capitals, and their replies."""

    thanks: str
    hello: str
    agreed: str
    replies: tuple[str, str, str]
    hint: str

    def reply_to(self, words: str) -> str:
        any_of = rf"(?:{self.thanks}|{self.hello}|{self.agreed})"
        if not re.fullmatch(rf"{any_of}(?: {any_of})*", words):
            return ""
        kinds = zip((self.thanks, self.hello, self.agreed), self.replies, strict=True)
        said = next(
            text for kind, text in kinds if re.search(rf"\b(?:{kind})\b", words)
        )
        return f"{said} {self.hint}"


# "Vale" and "Nice" are left out, for they are names.
_ROWS = (
    Courtesies(
        thanks=(
            "(?:many )?(?:thanks|thank you|thank u|thx)"
            "(?: (?:a lot|so much|very much|again|for your help))?"
        ),
        hello="(?:hello|hi|hey)(?: there)?|good (?:morning|afternoon|evening)",
        agreed="ok|okay|k|all ?right|got it|i see|understood|great|perfect",
        replies=("You are welcome.", "Hello.", "All right."),
        hint="Ask what your documents may answer; nothing was searched for this.",
    ),
    Courtesies(
        thanks=(
            "(?:ok |super |besten |vielen |herzlichen |1000 )?dank(?:e|eschon)?"
            "(?: (?:schon|dir|ihnen|sehr|vielmals|euch))?"
        ),
        hello="hallo|guten (?:tag|morgen|abend)|gruss gott|moin|servus",
        agreed="ok|okay|alles klar|in ordnung|verstanden|prima|perfekt",
        replies=("Gern geschehen.", "Guten Tag.", "In Ordnung."),
        hint="Fragen Sie, was in Ihren Dokumenten steht; hierzu wurde nichts gesucht.",
    ),
    Courtesies(
        thanks="(?:un grand )?merci(?: (?:beaucoup|bien|a vous|a toi|d avance))?",
        hello="bonjour|bonsoir|salut|coucou",
        agreed="ok|d accord|tres bien|compris|parfait|entendu",
        replies=("Je vous en prie.", "Bonjour.", "D'accord."),
        hint=(
            "Demandez ce que disent vos documents ; rien n'a été recherché pour cela."
        ),
    ),
    Courtesies(
        thanks="(?:muchas |mil )?gracias",
        hello="hola|buenos dias|buenas(?: (?:tardes|noches))?",
        agreed="ok|de acuerdo|muy bien|entendido|perfecto",
        replies=("De nada.", "Hola.", "De acuerdo."),
        hint="Pregunte lo que dicen sus documentos; para esto no se ha buscado nada.",
    ),
)


def reply_to(message: str) -> str:
    """Return what to say to a message that asks nothing, "" for a question."""
    if len(message) > _MAX_CHARS:
        return ""
    words = re.sub(r"[\W_]+", " ", fold(message)).strip()
    return next(filter(None, (row.reply_to(words) for row in _ROWS)), "")
