"""What a question asks for: a fact, documents, everything, two sides or the latest. Pure.

    recognise("How many PDFs mention pumps?", today).kind   # Kind.COUNT_DOCUMENTS

Most questions are answered by the best passages, "How many people live in Oslo?"
among them. Only clear words make another kind, because a fact that is taken for a
list is answered worse. The words are English; of a question in another language
every one is a FACT. To add a word, add it to the lists just below.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from generation.everything.periods import ALWAYS, Period, cut_period, is_of_day
from generation.everything.sides import sides_of
from generation.grounding.words import claim_of

#: A longer question is more than one of these, and would take the patterns long.
MAX_CHARS = 300
# Nouns for whatever is in the library. The second names a type of file
# (retrieval.filters.TYPES), "" for any.
_ANY_DOCUMENT = {
    r"documents?|docs?": "",
    r"files?": "",
    r"pdf (?:documents?|files?)|pdfs?": "pdf",
    r"word (?:documents?|files?)": "word",
    r"excel (?:documents?|files?)|spreadsheets?": "excel",
    r"powerpoint (?:presentations?|files?)|powerpoints?": "powerpoint",
    r"text (?:documents?|files?)": "text",
    r"e-?mails?|mails?": "mail",
}
# Nouns for some of the documents only: those whose name, title, folder or tags
# have the word.
_SOME_DOCUMENTS = (
    *("reports?", "polic(?:y|ies)", "contracts?", "agreements?", "invoices?"),
    *("manuals?", "handbooks?", "guidelines?", "papers?", "articles?", "letters?"),
    *("memos?", "minutes", "newsletters?", "presentations?", "statements?"),
)
# What is said latest rather than being a document.
_FIGURES = ("figures?", "numbers?", "data", "values?", "results?", "estimates?")
# Verbs and prepositions between documents and what they speak of.
_MENTION = (
    *("mentions?", "contains?", "discuss(?:es)?", "covers?", "describes?", "cites?"),
    *("includes?", "names?", "talks? about", "speaks? of", "refers? to"),
    *("deals? with", "says? something about"),
)
_ABOUT = (
    *("about(?! to\\b)", "regarding", "concerning", "related to", "relating to"),
    *("with the words?", "with the phrase", "mentioning", "containing", "discussing"),
    *("covering", "describing", "referring to", "dealing with"),
)
# What is told all about is explained, not listed.
_TELLING = ("about", "there is", "you (?:know|have)", "information", "details")
_LATEST = ("latest", "newest", "most recent", "most up[- ]to[- ]date")
_OLDEST = ("oldest", "earliest")
# Words for "in the library" that narrow nothing.
_HERE = (
    *("are there", "is there", "do (?:i|we|you) have", "have (?:i|we) got"),
    "(?:that |which )?exist",
    r"(?:are |is )?(?:available|stored|here|in total|altogether|overall|in all)",
    (
        r"(?:are |is )?(?:in|from|across) (?:all )?(?:the |this |my |our |your )?"
        r"(?:(?:whole|entire) )?(?:library|collections?|system|site|archive|database)"
    ),
    r"(?:that |which )?(?:(?:were|was|are|have been|has been) )?(?:added|uploaded)",
)


class Kind(StrEnum):
    """How a question is answered; the value stands in the receipt."""

    FACT = "passages"
    COUNT_DOCUMENTS = "documents counted"
    LIST_DOCUMENTS = "documents listed"
    LATEST_DOCUMENT = "latest document"
    COUNT_MENTIONS = "mentions counted"
    LIST = "gathered"
    COUNT = "gathered and counted"
    COMPARE = "compared"
    LATEST = "latest document read"


ROWS = frozenset(
    {
        *(Kind.COUNT_DOCUMENTS, Kind.LIST_DOCUMENTS, Kind.LATEST_DOCUMENT),
        Kind.COUNT_MENTIONS,
    }
)
GATHERED = frozenset({Kind.LIST, Kind.COUNT})


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What a question asks for.

    Attributes:
        topic: what documents or passages must speak of; "" for all of them. Of the
            latest, what a name should say besides: "travel" of a travel policy.
        is_phrase: the topic word for word.
        noun: the documents as the question names them.
        named: forms of the word that name, title, folder or tags of a document must
            hold, as a regular expression for small letters, "" for any document.
        media: key of retrieval.filters.TYPES, "" for any type.
        period: in which documents were added.
        collection: its name as the question has it.
        sides: what is compared.
        aspect: in which respect.
        is_oldest: the oldest is asked for, not the latest.
        is_negated, is_dated: what is not mentioned, or is of some time: untold here.
    """

    kind: Kind = Kind.FACT
    topic: str = ""
    is_phrase: bool = False
    noun: str = "documents"
    named: str = ""
    media: str = ""
    period: Period = ALWAYS
    collection: str = ""
    sides: tuple[str, ...] = ()
    aspect: str = ""
    is_oldest: bool = False
    is_negated: bool = False
    is_dated: bool = False


FACT = Wanted()


def _any(words: Iterable[str]) -> str:
    return f"(?:{'|'.join(words)})"


_SURE = _any(_ANY_DOCUMENT)
_NOUN = rf"(?P<noun>{_any((_SURE, *_SOME_DOCUMENTS))})(?!\w)"
_POLITE = r"(?:please |kindly )?(?:(?:can|could|would|will) you (?:please )?)?"
_ASK_FOR = r"(?:list|show|give|name|find|enumerate|get|tell)(?: me| us)?"
_THE = r"(?: the| my| our| your| these| those)?"
_RECENCY = rf"(?:(?P<latest>{_any(_LATEST)})|(?P<oldest>{_any(_OLDEST)}))"


def _starting(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.IGNORECASE)


_OPENINGS = {
    Kind.COUNT_DOCUMENTS: _starting(
        rf"(?:how many(?: of)?{_THE}(?: different)? |{_POLITE}count(?: all)?{_THE} "
        rf"|what(?: is|'s) the number of |number of ){_NOUN}"
    ),
    Kind.LATEST_DOCUMENT: _starting(
        rf"(?:(?:what|which)(?: is|'s| are| was)?|{_POLITE}{_ASK_FOR}){_THE} "
        rf"{_RECENCY} {_NOUN}"
    ),
    Kind.LIST_DOCUMENTS: _starting(
        rf"(?:{_POLITE}{_ASK_FOR}(?: a list of)?(?: all| every| each| any)?(?: of)?{_THE}"
        rf"|(?P<open>which|what)(?: of)?{_THE}) {_NOUN}"
    ),
}
# "In which documents is the pump mentioned?" "Which document is the newest?"
_PASSIVE = _starting(
    rf"in (?:which|what|how (?P<many>many)) {_NOUN} (?:is|are|was|were) (?P<topic>.+?) "
    r"(?:mentioned|discussed|named|described|covered|cited)"
)
_IS_LATEST = _starting(
    rf"which {_NOUN} (?:is|was) (?:the {_RECENCY}|added (?P<last>last))"
)
_TOPIC = _starting(
    rf"(?:that |which )?(?:{_any(_MENTION)}|(?P<about>(?:are |is )?{_any(_ABOUT)}|on)) "
    r"(?P<topic>.+)"
)
_NEGATED = _starting(
    rf"(?:that |which )?(?:(?:do|does|did)(?: not|n['’]t)|never) {_any(_MENTION)} .+"
)
# "The word “net”" is looked for without saying that it is one.
_CALLED = _starting(
    r"(?:the )?(?:words?|phrase|term|name|text) (?=[\"“])|the (?:words?|phrase) "
)
# "Siemens but not Bosch" is looked for by its words, of which the second must be away.
_EXCEPT = re.compile(r"\b(?:except|excluding|other than)\b", re.IGNORECASE)
_NO_DENIAL = re.compile(r"\"[^\"]*\"|“[^”]*”|\bnon-", re.IGNORECASE)
# After "about X": then the noun has a verb of its own, and it is no longer the
# documents here that are asked for.
_OWN_VERB = _starting(r".*\b(?:is|are|was|were|do|does|did|has|have|had|will|can)\b")
_HERE_FIRST = _starting(rf"^{_any(_HERE)}(?!\w)\s*")
_HERE_LAST = _starting(rf"\s*\b{_any(_HERE)}$")
# "Of" behind the documents, or before a name: "costs of waste collection" is what they
# speak of.
_COLLECTION = re.compile(
    r"(?:\s*\b(?:(?:that )?are )?(?:in|from)|^\s*of"
    r"|\s*\bof(?= (?:the|my|our) (?:collection (?!of\b)|(?-i:[\"“'A-Z])))) (?:the |my |our )?"
    r"(?:collection (?:named |called )?"
    r"[\"“']?(?P<after>[^\"“”'?]+?)[\"”']?|[\"“']?(?P<before>[^\"“”'?]+?)[\"”']? collection)$",
    re.IGNORECASE,
)
_NO_NAME = frozenset(
    ("the", "my", "our", "your", "this", "whole", "entire", "same", "current")
)

_MENTIONS = _starting(
    r"(?:how (?:many times|often) (?:is|are|was|were) (?P<passive>.+?) mentioned"
    r"|how many times (?:does|do) (?:the )?(?:word|phrase|name|term)s? (?P<active>.+?) "
    r"(?:occur|appear|come up)"
    r"|how many mentions of (?P<of>(?:(?! (?:in|across|are) ).)+?)(?: are there)?)"
    rf"(?: (?:in|across) (?:all )?(?:of )?(?:the |my |our |your )?(?:{_SURE}|text))?"
)
_LISTS = tuple(
    _starting(pattern)
    for pattern in (
        (
            rf"{_POLITE}{_ASK_FOR}(?: (?:a|the) (?:full |complete )?list of)?"
            rf" (?:all|every)(?: of)?{_THE} (?!{_any(_TELLING)}\b)(?P<topic>.+)"
        ),
        (
            rf"{_POLITE}(?:give|show|make|write)(?: me| us)? (?:a|the) (?:full|complete) "
            rf"list of{_THE} (?P<topic>.+)"
        ),
        rf"{_POLITE}enumerate (?:the|my|our) (?P<topic>.+)",
        r"(?:(?:i|we) (?:need|want) )?all (?:of )?the (?P<topic>.+? (?:that|which|who) .+)",
        r"what are all (?:of )?(?:the|my|our) (?P<topic>.+)",
        r"which (?P<topic>[\w -]+?) are there(?: in .+)?",
    )
)
_COUNTS = tuple(
    _starting(pattern)
    for pattern in (
        rf"{_POLITE}count (?:all|every)(?: of)?{_THE} (?P<topic>.+)",
        (
            r"how many (?:different |distinct )?(?P<topic>.+?) (?:are|is) mentioned"
            rf"(?: (?:in|across) (?:all )?(?:the |my |our |these )?{_SURE})?"
        ),
        (
            r"how many (?:different |distinct )?(?P<topic>.+?)(?: are(?: there)?)? "
            r"(?:in|across) all (?:of )?"
            rf"(?:the |my |our |these )?{_SURE}"
        ),
    )
)
# Not "the latest date for reports".
_SMALL = r"(?:a|an|and|by|day|date|for|from|in|of|on|or|that|the|time|to|which|with)"
_ABOUT_LATEST = re.compile(
    rf"\b(?:{_any(_LATEST)})(?P<kind>(?: (?!{_SMALL}\b)[\w-]+){{0,2}}?) "
    rf"(?P<noun>{_any((_SURE, *_SOME_DOCUMENTS, *_FIGURES))})(?!\w)",
    re.IGNORECASE,
)


def recognise(question: str, today: dt.date) -> Wanted:
    """Return what ``question`` asks for; FACT unless it says otherwise clearly."""
    text = " ".join(question.split()).rstrip(" ?.!")
    if len(text) > MAX_CHARS:
        return FACT
    return (
        _about_documents(text, today)
        or _about_content(text)
        or _compared(text)
        or _latest(text)
        or FACT
    )


def _about_documents(text: str, today: dt.date) -> Wanted | None:
    mentions = _MENTIONS.fullmatch(text)
    if mentions:
        topic = next(part for part in mentions.groups() if part)
        return Wanted(kind=Kind.COUNT_MENTIONS, topic=_bare(topic), is_phrase=True)
    return _asked_otherwise(text) or next(
        (
            found
            for kind, opening in _OPENINGS.items()
            if (match := opening.match(text))
            and (found := _opened(kind, match, text[match.end() :], today))
        ),
        None,
    )


def _asked_otherwise(text: str) -> Wanted | None:
    passive = _PASSIVE.match(text)
    if passive and not _without_here(text[passive.end() :]):
        kind = Kind.COUNT_DOCUMENTS if passive["many"] else Kind.LIST_DOCUMENTS
        topic = passive["topic"]
        if _denies(topic):
            return _of_noun(kind, passive["noun"], is_negated=True)
        return _of_noun(kind, passive["noun"], topic=_bare(topic))
    latest = _IS_LATEST.fullmatch(text)
    if latest:
        return _of_noun(
            Kind.LATEST_DOCUMENT, latest["noun"], is_oldest=bool(latest["oldest"])
        )
    return None


def _opened(
    kind: Kind, match: re.Match[str], rest: str, today: dt.date
) -> Wanted | None:
    """Return what is asked of the documents, None if it is something else."""
    groups = match.groupdict()
    rest, period = cut_period(rest, today)
    rest, collection = _cut_collection(rest)
    plain = _without_here(rest)
    has_place = bool(period or collection) or plain != rest.strip()
    topic = _topic(plain)
    is_negated = bool(_NEGATED.fullmatch(plain) or (topic and _denies(topic)))
    is_dated = topic is None and is_of_day(plain)
    is_untold = is_negated or is_dated
    topic = "" if is_untold else topic
    if topic is None or (groups.get("open") and not (topic or has_place or is_untold)):
        return None
    return _of_noun(
        kind,
        match["noun"],
        topic=topic,
        period=period,
        collection=collection,
        is_oldest=bool(groups.get("oldest")),
        is_negated=is_negated,
        is_dated=is_dated,
    )


def _denies(topic: str) -> bool:
    """Whether something of a topic is not to be spoken of."""
    said = _NO_DENIAL.sub(" ", topic)
    return claim_of(said).is_negated or bool(_EXCEPT.search(said))


def _topic(rest: str) -> str | None:
    """Return what the documents are to speak of; None if ``rest`` says another thing."""
    if not rest:
        return ""
    match = _TOPIC.fullmatch(rest)
    if match is None or (match["about"] and _OWN_VERB.match(match["topic"])):
        return None
    return _bare(match["topic"])


def _of_noun(kind: Kind, noun: str, **fields: Any) -> Wanted:
    media = next(
        (m for form, m in _ANY_DOCUMENT.items() if re.fullmatch(form, noun, re.I)), None
    )
    # Statements have no name with "estate" in it, and contracts none of a contractor.
    forms = (form for form in _SOME_DOCUMENTS if re.fullmatch(form, noun, re.I))
    named = "" if media is not None else f"{next(forms, '')}(?![a-z])"
    return Wanted(
        kind=kind, noun=noun.lower(), named=named, media=media or "", **fields
    )


def _without_here(rest: str) -> str:
    """Return ``rest`` without the words for "in the library" at its ends."""
    before = None
    while rest != before:
        before = rest
        rest = _HERE_LAST.sub("", _HERE_FIRST.sub("", rest.strip(" ,")))
    return rest.strip(" ,")


def _cut_collection(rest: str) -> tuple[str, str]:
    match = _COLLECTION.search(rest)
    name = (match["after"] or match["before"]).strip() if match else ""
    if match is None or _NO_NAME.issuperset(name.lower().split()):
        return rest, ""
    return rest[: match.start()], name


def _about_content(text: str) -> Wanted | None:
    for kind, patterns in ((Kind.LIST, _LISTS), (Kind.COUNT, _COUNTS)):
        for pattern in patterns:
            match = pattern.fullmatch(text)
            if match:
                return Wanted(kind=kind, topic=_bare(match["topic"]))
    return None


def _compared(text: str) -> Wanted | None:
    sides, aspect = sides_of(text)
    return Wanted(kind=Kind.COMPARE, sides=sides, aspect=aspect) if sides else None


def _latest(text: str) -> Wanted | None:
    match = _ABOUT_LATEST.search(text)
    if match is None:
        return None
    is_figure = re.fullmatch(_any(_FIGURES), match["noun"], re.IGNORECASE)
    topic = match["kind"].strip()
    wanted = _of_noun(Kind.LATEST, match["noun"], topic=topic)
    return Wanted(kind=Kind.LATEST, noun=wanted.noun) if is_figure else wanted


def _bare(topic: str) -> str:
    """Return ``topic`` without articles and closing marks around it."""
    plain = _CALLED.sub("", topic.strip(" ,"), count=1)
    return re.sub(r"^(?:the|a|an|any) ", "", plain, flags=re.IGNORECASE)
