"""Words of a question that change what is asked, and that its source does not bear out. Pure.

"Which city was *not* taken?", "in *1949*" of a text that has 1749, "the *decrease* of trade"
of one that tells of an increase: a model answers such a question from the sentence that is
nearest to it, and the sentence says something else.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher

from generation.grounding.words import claim_of, fold, stem

# English only, as what a text may say instead is. Words of a denial, and those that deny without one, misspelt ones as people type them.
_DENIAL = re.compile(
    r"\b(?:not|never|no|nor|none|neither|without|cannot|nobody|nothing)\b|\b\w+n['’]t\b",
    re.IGNORECASE,
)
_DENIES = re.compile(
    r"\b(?:unable|fail(?:s|ed)?|refus\w+|except|(?<!at )least|lack(?:s|ed|ing)?"
    r"|(?:is|was|did|do|are|were|does|wo)nt)\b",
    re.IGNORECASE,
)
# What a text may say instead: that only something is, or that all but something is.
_SHUTS_OUT = re.compile(
    r"\b(?:exclu\w+|exempt\w*|prohibit\w*|forbid\w*|forbade|bann?(?:s|ed)?|unless"
    r"|den(?:y|ied|ies)|only|instead|rather|other than|absen\w+|miss(?:es|ed|ing)?"
    r"|avoid\w*)\b",
    re.IGNORECASE,
)
# Words that say the contrary of each other where one stands in the place of the other.
_OPPOSITES = """increase decrease|increase reduce|increase decline|rise fall|rise decline|first last
more less|more fewer|most least|high low|higher lower|highest lowest|large small
larger smaller|largest smallest|long short|longest shortest|success failure|succeed fail
north south|northern southern|east west|eastern western|male female|start end|begin end
open close|import export|support oppose|win lose|won lost|private public|internal external
inside outside|old new|oldest newest|early late|earlier later|earliest latest
ancient modern|always never|legal illegal|major minor|positive negative|similar different
rich poor|strong weak|hot cold|hard easy|difficult easy|simple complex|heavy light
thick thin|wide narrow|deep shallow|left right|upper lower|above below|top bottom
maximum minimum|best worst|good bad|true false|peace war|attack defend|accept reject
allow prohibit|allow forbid|permit ban|include exclude|join leave|arrive depart|enter leave
create destroy|build destroy|protect destroy|agree disagree|agree refuse|friend enemy
ally enemy|victory defeat|gain lose|grow shrink|fast slow|faster slower
advantage disadvantage|majority minority|urban rural|born died|birth death|summer winter
day night|morning evening|hundred thousand|thousand million|million billion|decade century
solid liquid|liquid gas|direct indirect|natural artificial|national international
domestic foreign|expensive cheap|common rare|full empty|wet dry|offensive defensive
catholic protestant|christian muslim|liberal conservative|expand contract
encourage discourage|improve worsen|approve reject|temporary permanent|voluntary mandatory
optional required|partial complete|supply demand|finite infinite|debit credit
income expense|profit loss"""
_PREFIXES = ("un", "mis", "dis", "non", "anti", "ir", "il")
# Before these endings only: "information" is no contrary of "formation".
_IN = ("in", "im")
_IN_ENDINGS = ("able", "ible", "ent", "ant", "ive", "ate", "ance", "ence", "act", "ity")
# Below that, a prefix and what follows it are mostly no such pair: "in" and "to" of "into".
_MIN_TURNED = 4
# A name is there in another form where one of the text begins as it does, or is as alike.
_SAME_BEGINNING, _ALIKE = 4, 0.8


def _opposites() -> dict[str, frozenset[str]]:
    found: dict[str, set[str]] = {}
    for pair in re.split(r"[|\n]", _OPPOSITES):
        one, other = (stem(word) for word in pair.split())
        found.setdefault(one, set()).add(other)
        found.setdefault(other, set()).add(one)
    return {word: frozenset(others) for word, others in found.items()}


_OPPOSITE = _opposites()


def unborne(
    question: str, text: str, missing: Sequence[str] = (), around: str = ""
) -> tuple[str, ...]:
    """Return words of ``question``, as written, that ``text`` does not bear out.

    Args:
        text: the sentences that an answer rests on.
        missing: names and numbers of the question that no passage holds as they are
            written (``generation.deciding.missing_from``).
        around: the passages, where such a name may stand in another form.
    """
    found = (
        *_denied(question, text),
        *_turned(question, text),
        *(word for word in missing if not _is_there_otherwise(word, around)),
    )
    return tuple(dict.fromkeys(found))


def _denied(question: str, text: str) -> Iterator[str]:
    # "No. 7" and "no later than" are no denials.
    denial = _DENIAL.search(question) if claim_of(question).is_negated else None
    denial = denial or _DENIES.search(question)
    is_borne = (
        claim_of(text).is_negated or _DENIES.search(text) or _SHUTS_OUT.search(text)
    )
    if denial and not is_borne:
        yield denial[0]


def _turned(question: str, text: str) -> Iterator[str]:
    words = frozenset(_plain_words(text))
    stems = frozenset(stem(word) for word in words)
    for word in _plain_words(question):
        contrary = _OPPOSITE.get(stem(word), frozenset())
        if stem(word) not in stems and (contrary & stems or _is_prefixed(word, words)):
            yield word


def _is_prefixed(word: str, held: frozenset[str]) -> bool:
    word = word.rstrip("s")
    others = (other.rstrip("s") for other in held)
    return any(_is_contrary(word, x) or _is_contrary(x, word) for x in others)


def _is_contrary(word: str, other: str) -> bool:
    """Whether ``word`` is ``other`` with a prefix that says no."""
    if len(other) < _MIN_TURNED or not word.endswith(other):
        return False
    prefix = word[: -len(other)]
    return prefix in _PREFIXES or (prefix in _IN and other.endswith(_IN_ENDINGS))


def _plain_words(text: str) -> list[str]:
    return re.findall(r"[^\W\d_]+", fold(text))


def _is_there_otherwise(missing: str, around: str) -> bool:
    """Whether a name is there in another form or spelling: "Swiss", "Dusquesne".

    Short parts, as of "EU", are too easily like something or written out.
    """
    if not missing[0].isalpha():
        return False
    words = frozenset(_plain_words(around))
    parts = [part for part in re.findall(r"[^\W\d_]+", missing) if part[0].isupper()]
    long = [fold(part).rstrip("s") for part in parts if len(part) >= _MIN_TURNED]
    return all(any(_is_like(part, word) for word in words) for part in long)


def _is_like(name: str, word: str) -> bool:
    if name[:_SAME_BEGINNING] == word[:_SAME_BEGINNING]:
        return True
    is_as_long = abs(len(word) - len(name)) <= 2
    return is_as_long and SequenceMatcher(None, word, name).ratio() > _ALIKE
