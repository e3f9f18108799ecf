"""What is asked of the engine and what it tells: values, no threads, no weights."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

# "late": its time was over before its first token, in the line or later.
Reason = Literal["stop", "length", "cancelled", "late", "error"]
REASONS: tuple[Reason, ...] = ("stop", "length", "cancelled", "late", "error")
# Of a request that held its slot for as long as it needed it.
COMPLETED = ("stop", "length")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampling:
    """How the next token is chosen; temperature 0 takes the likeliest.

    Attributes:
        repeat_penalty: divides the logits of tokens already written; 1 is none.
        frequency_penalty, presence_penalty: taken from them, as in OpenAI's API.
        grammar: GBNF compiled by ``schemas``, never by a caller.
    """

    temperature: float = 0.0
    top_k: int = 40
    top_p: float = 1.0
    min_p: float = 0.0
    seed: int = 1
    repeat_penalty: float = 1.0
    frequency_penalty: float = 0.0
    presence_penalty: float = 0.0
    grammar: str = ""

    @property
    def has_penalties(self) -> bool:
        chosen = (self.repeat_penalty, self.frequency_penalty, self.presence_penalty)
        return chosen != (1.0, 0.0, 0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A tokenised prompt with every bound set.

    Attributes:
        person: scope of fairness.
        labels: of the tokens, for reuse: see ``prefixes.labelled``.
        scope: label scope of the answer's own tokens.
        is_named: its person may ask again; else nobody can have those tokens again.
        wall_s: seconds from submission after which the answer is ended.
        is_urgent: somebody waits at a screen; else work of a program.
        adapter: LoRA adapter, "" for the bare weights.
        logprobs: how many of the likeliest tokens are told with each, or None.
        token_ids: whose log-probabilities are told beside those.
        scored: trailing tokens of the prompt that are told with what follows
            them; the first token of a prompt follows nothing and cannot be.
    """

    person: str
    tokens: tuple[int, ...]
    labels: tuple[int, ...]
    max_tokens: int
    wall_s: float
    scope: str
    is_named: bool = True
    sampling: Sampling = field(default_factory=Sampling)
    stops: tuple[str, ...] = ()
    is_urgent: bool = True
    adapter: str = ""
    logprobs: int | None = None
    token_ids: tuple[int, ...] = ()
    scored: int = 0

    @property
    def limit(self) -> int:
        """Most tokens of prompt and answer."""
        return len(self.tokens) + self.max_tokens

    @property
    def reusable(self) -> int:
        """Leading tokens after which no result is needed: another may have read them."""
        return len(self.tokens) - 1 - self.scored

    @property
    def sharing(self) -> tuple[int, ...]:
        """Labels of the reusable tokens and of the one that is never reused."""
        return self.labels[: self.reusable + 1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Place in line: 1 is next, 0 is being read now."""

    position: int
    estimate_s: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Chance:
    """A token and the natural logarithm of its probability; None if nothing was before.

    Attributes:
        others: the likeliest tokens in its place, with theirs.
        wanted: the logarithms of the tokens that were asked for, in their order.
    """

    token: bytes
    logprob: float | None
    others: tuple[tuple[bytes, float], ...] = ()
    wanted: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    text: str
    chances: tuple[Chance, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class End:
    reason: Reason
    prompt_tokens: int
    reused_tokens: int
    answer_tokens: int
    first_token_s: float
    total_s: float


Emit = Callable[[Place | Piece | End], None]


@dataclass(eq=False, slots=True)
class Job:
    """A request, and what became of it.

    Attributes:
        submitted, begun: when it came and when its turn did, by the monotonic clock.
    """

    request: Request
    emit: Emit
    cancelled: threading.Event = field(default_factory=threading.Event)
    submitted: float = field(default_factory=time.monotonic)
    begun: float = 0.0
    reused: int = 0
    answered: int = 0
    first_token_s: float = 0.0

    @property
    def is_over(self) -> bool:
        late = time.monotonic() > self.submitted + self.request.wall_s
        return late or self.cancelled.is_set()

    @property
    def reason_over(self) -> Reason:
        if self.cancelled.is_set():
            return "cancelled"
        return "length" if self.answered else "late"

    def end(self, reason: Reason) -> End:
        return End(
            reason=reason,
            prompt_tokens=len(self.request.tokens),
            reused_tokens=self.reused,
            answer_tokens=self.answered,
            first_token_s=self.first_token_s,
            total_s=time.monotonic() - self.submitted,
        )
