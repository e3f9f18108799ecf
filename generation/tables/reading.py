"""A question while it is read: which of its words are accounted for, and by what."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from generation.tables.known import Known, Mention
from generation.tables.words import Terms, Word, words_of


class Unclear(Exception):
    """The question asks something else, or of what the table does not tell for sure."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """What is said of a column, and the places of the rows for which it holds."""

    column: int
    said: str
    rows: frozenset[int]


@dataclass(slots=True, kw_only=True)
class Reading:
    """A question, or what stands behind its opening, beside a table.

    Attributes:
        taken: places of words that are accounted for.
        conditions: of each column one.
        ranked: the column by which rows are ranked, None if they are not.
    """

    text: str
    known: Known
    words: list[Word] = field(init=False)
    mentions: list[Mention] = field(init=False)
    taken: set[int] = field(default_factory=set)
    conditions: list[Condition] = field(default_factory=list)
    ranked: int | None = None

    def __post_init__(self) -> None:
        self.words = words_of(self.text)
        self.mentions = self.known.mentions(self.words)

    @property
    def named(self) -> list[Mention]:
        """The names of columns."""
        return [mention for mention in self.mentions if not mention.is_value]

    @property
    def has_or(self) -> bool:
        return any(word.plain == "or" for word in self.words)

    def mention_at(self, at: int) -> Mention | None:
        return next((m for m in self.mentions if at in m.places), None)

    def take(self, mention: Mention) -> None:
        self.taken.update(mention.places)

    def take_text(self, start: int, end: int) -> None:
        """Take the words that begin at characters start to end."""
        self.taken.update(
            at for at, word in enumerate(self.words) if start <= word.start < end
        )

    def is_taken(self, mention: Mention) -> bool:
        return self.taken.issuperset(mention.places)

    def terms(self, mention: Mention) -> Terms:
        return tuple(self.words[at].term for at in mention.places)

    def said(self, mention: Mention) -> str:
        first, last = self.words[mention.first], self.words[mention.end - 1]
        return self.text[first.start : last.end]

    def hold(
        self, column: int, said: str, rows: Iterable[int], *, is_bound: bool = False
    ) -> None:
        """Add a condition; of those of one column either may hold, but for bounds.

        Raises:
            Unclear: they may be meant to hold together.
        """
        held = frozenset(rows)
        same = next((one for one in self.conditions if one.column == column), None)
        if same:
            is_list = self.known.has_lists(column) and not self.has_or
            if is_bound or is_list or same.rows & held:
                raise Unclear
            self.conditions.remove(same)
            said, held = f"{same.said} or {said}", same.rows | held
        self.conditions.append(Condition(column=column, said=said, rows=held))
