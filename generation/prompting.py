"""Sources and a question to the messages that a model is sent. Pure.

The words are in ``prompts/``; a missing or extra variable raises. Retrieved
text is fenced and declared data, and cannot close its fence.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from string import Template

from generation.errors import ContextTooLong
from generation.guards.guarding import NOT_IN_DOCUMENTS
from generation.llm import Message, Role
from generation.standalone import asked_now
from generation.types import GenerationConfig, SourceRef

PROMPTS = Path(__file__).parent / "prompts"
# Raised by hand when the words change their meaning; the digest follows every byte.
PROMPT_NUMBER = 4
# Special tokens and role names of one message, at most, over the allow-listed
# templates; and the opening of the answer.
MESSAGE_TOKENS = 8
_FENCE = re.compile(r"<(?=\s*/?\s*passage)", re.IGNORECASE)
# Beginnings of the special tokens of common families. The site's own server takes
# them as text anyway; another server may not.
_SPECIAL = re.compile(r"<(?=[|｜]|/?s>|(?:start|end)_of_turn>)|\[(?=/?INST\])")


# Questions that a few words cannot answer. An order begins its sentence: "the term used
# to describe it", "who described it" and "compared to whom" ask for a fact.
_ORDERS = (
    r"(?:^|[.?!,;:]\s*|\b(?:please|you|you to|and|me|then)\s+)(?:\w+ly\s+)?"
    r"(?:explain|describe|summari[sz]e|outline|compare|list|discuss)\b"
)
_EXPLAIN = re.compile(
    rf"{_ORDERS}|\b(?:summary|overview|why|how (?:do|does|can|could|should|would|to)|"
    r"steps?|differences?|tell me|what (?:do|does|did) .+ say about)\b|"
    r"^what(?:'s| is| are) (?:the|this|that|these|those|an?|my|our|your)\b.+\babout\W*$",
    re.IGNORECASE,
)
# "Yes" alone cannot be held to a source; "a or b?" is answered by one of them.
_YES_OR_NO = re.compile(
    r"(?:can|could|may|must|shall|should|will|would|do|does|did|is|are|am|was|were|has|"
    r"have|had)\b(?!.*\bor\b)",
    re.IGNORECASE,
)
# "What is a lease?", not "What is the rent?".
_DEFINITION = re.compile(
    r"what (?:is|are|was|were) (?:an? )?(?!(?:the|an?)\b)[\w'’-]+(?: [\w'’-]+)?\s*\??$",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Extra:
    """What one request adds to the prompt.

    Attributes:
        schema: JSON Schema of the answer, "" for prose.
        canary: a string after the passages that no answer may hold.
    """

    schema: str = ""
    canary: str = ""


NO_EXTRA = Extra()


class PromptVariables(ValueError):
    """A prompt file and its caller disagree about the variables."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """What is sent, and the sources in it, renumbered from 1.

    ``check`` asks of the same passages whether they hold the answer, ``insist`` for
    the best that they hold; up to the question all are the same text, so that nothing
    of it is evaluated twice.
    """

    messages: tuple[Message, ...]
    check: tuple[Message, ...]
    insist: tuple[Message, ...]
    sources: tuple[SourceRef, ...]
    left_out: int


@cache
def prompt_version() -> str:
    """Return ``answer-N+digest``: equal exactly when all prompt files are."""
    digest = hashlib.sha256()
    for path in sorted(PROMPTS.glob("*.txt")):
        digest.update(path.name.encode() + path.read_bytes())
    return f"answer-{PROMPT_NUMBER}+{digest.hexdigest()[:8]}"


@cache
def _template(name: str) -> Template:
    return Template((PROMPTS / f"{name}.txt").read_text().rstrip("\n"))


def fill(name: str, **values: str) -> str:
    """Return the prompt file ``name`` with its variables filled in.

    Raises:
        PromptVariables: a variable is missing or not in the file.
    """
    template = _template(name)
    wanted = set(template.get_identifiers())
    if wanted != set(values):
        raise PromptVariables(f"{name}.txt has {sorted(wanted)}, got {sorted(values)}")
    return template.substitute(values)


def wants_explanation(question: str) -> bool:
    """Whether sentences are wanted, and not the few words of a fact."""
    asked = asked_now(question).strip()
    begins = _YES_OR_NO.match(asked) or _DEFINITION.match(asked)
    return bool(begins or _EXPLAIN.search(asked))


def system_text() -> str:
    return fill("answer", marker=NOT_IN_DOCUMENTS)


def passage_text(source: SourceRef) -> str:
    """Return a fenced passage; the heading path tells where it stands."""
    title = re.sub(r"[\s\"<>]+", " ", source.heading or source.document).strip()
    text = _FENCE.sub("‹", plain(source.quote))
    return fill("passage", number=str(source.n), title=plain(title[:200]), text=text)


def plain(text: str) -> str:
    """Return ``text`` with special tokens of any model pulled apart."""
    return _SPECIAL.sub(lambda match: f"{match[0]} ", text)


def build(
    question: str,
    sources: Sequence[SourceRef],
    counts: Sequence[int],
    *,
    config: GenerationConfig,
    frame_tokens: int,
    extra: Extra = NO_EXTRA,
) -> Prompt:
    """Return the prompt with the best sources that fit.

    Args:
        sources: best first.
        counts: tokens of each source's ``passage_text``.
        frame_tokens: tokens of everything else: system text and question.
        extra: what this request adds to the prompt.

    Raises:
        ContextTooLong: the question alone leaves no room for a passage.
    """
    room = config.context_tokens - config.max_answer_tokens - frame_tokens
    room = min(room, config.source_tokens)
    chosen = choose(counts, room=room, most=config.max_sources)
    if not chosen and counts:
        raise ContextTooLong
    kept = tuple(replace(sources[i], n=n) for n, i in enumerate(chosen, start=1))
    wanted = min(len(sources), config.max_sources)
    return Prompt(
        messages=messages_of(question, kept, extra),
        check=sent_for("check", question, kept),
        insist=sent_for("insist", question, kept, extra),
        sources=kept,
        left_out=wanted - len(kept),
    )


def messages_of(
    question: str, sources: Sequence[SourceRef], extra: Extra = NO_EXTRA
) -> tuple[Message, ...]:
    """Return what is sent for ``question`` over exactly these sources."""
    passages = passages_text(sources)
    return _messages(_user_text(question, passages, extra), passages, sources)


def sent_for(
    purpose: str,
    question: str,
    sources: Sequence[SourceRef],
    extra: Extra = NO_EXTRA,
) -> tuple[Message, ...]:
    """Return what is sent over these sources, by what a receipt says it was for.

    Args:
        purpose: "check", "insist", or else an answer.
    """
    if purpose not in ("check", "insist"):
        return messages_of(question, sources, extra)
    passages = passages_text(sources)
    shown = passages if purpose == "check" else _ended(passages, extra)
    is_long = purpose == "insist" and wants_explanation(question)
    name = "insist_explain" if is_long else purpose
    text = fill(name, passages=shown, question=plain(question))
    return _messages(text, passages, sources)


def gather_of(
    question: str, sources: Sequence[SourceRef], extra: Extra = NO_EXTRA
) -> tuple[Message, ...]:
    """Return what asks for every item of these sources, one on each line."""
    passages = passages_text(sources)
    text = fill(
        "gather",
        passages=_ended(passages, extra),
        question=plain(question),
    )
    return _messages(text, passages, sources, system=fill("gatherer"))


def claim_of_answer(question: str, answer: str, text: str) -> tuple[Message, ...]:
    """Return what asks whether ``text`` states that ``answer`` answers ``question``.

    All but the last message are the same for everybody and evaluated once.
    """
    case = fill(
        "claim_case", text=plain(text), question=plain(question), answer=plain(answer)
    )
    return (*_claim_examples(), Message(role="user", content=case))


@cache
def _claim_examples() -> tuple[Message, ...]:
    shared = [_for_everybody("system", fill("claim"))]
    for example in fill("claim_examples").split("\n\n"):
        case, _, reply = example.rpartition("\n")
        shared += [_for_everybody("user", case), _for_everybody("assistant", reply)]
    return tuple(shared)


def _for_everybody(role: Role, text: str) -> Message:
    return Message(role=role, content=text, scope="everybody", shared_chars=len(text))


def passages_text(sources: Sequence[SourceRef]) -> str:
    return "\n".join(passage_text(source) for source in sources)


def _messages(
    text: str, passages: str, sources: Sequence[SourceRef], system: str = ""
) -> tuple[Message, Message]:
    system = system or system_text()
    return (
        _for_everybody("system", system),
        Message(
            role="user",
            content=text,
            scope=_readers(sources),
            shared_chars=len(passages),
        ),
    )


def _readers(sources: Sequence[SourceRef]) -> str:
    """Return a name for all who may read exactly these versions of documents.

    A passage is in a prompt only if its asker may read it; the question after
    the passages is never shared.
    """
    versions = ",".join(sorted({str(source.version_id) for source in sources}))
    return f"v-{hashlib.sha256(versions.encode()).hexdigest()[:32]}" if sources else ""


def choose(counts: Sequence[int], *, room: int, most: int) -> list[int]:
    """Return the indices of the sources that fit, best first.

    One that does not fit is passed over, so that a long passage does not shut
    out the shorter ones after it.
    """
    chosen: list[int] = []
    for index, count in enumerate(counts[:most]):
        # A line break between passages may be a token of its own.
        if count + 1 <= room:
            chosen.append(index)
            room -= count + 1
    return chosen


def frame_texts(question: str, extra: Extra = NO_EXTRA) -> list[str]:
    """Return the texts whose tokens, with ``frame_tokens``, are not passages."""
    return [system_text(), _user_text(question, "", extra)]


def _user_text(question: str, passages: str, extra: Extra = NO_EXTRA) -> str:
    passages = _ended(passages, extra)
    if extra.schema:
        asked = {"question": plain(question), "schema": plain(extra.schema)}
        return fill("form", passages=passages, **asked)
    return fill(
        "explain" if wants_explanation(question) else "question",
        passages=passages,
        question=plain(question),
        marker=NOT_IN_DOCUMENTS,
    )


def _ended(passages: str, extra: Extra) -> str:
    """Return the passages with the canary behind them.

    Not in the system message, whose evaluated tokens everybody shares.
    """
    if not extra.canary:
        return passages
    return f"{passages}\n{fill('end', code=extra.canary)}"


def frame_tokens(counts: Sequence[int]) -> int:
    """Return the tokens around the passages, from the counts of ``frame_texts``."""
    # Tokens at a seam may merge or split; a few more keep the promise.
    return sum(counts) + MESSAGE_TOKENS * (len(counts) + 1) + 8
