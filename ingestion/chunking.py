"""Cutting a version's text into passages that fit the embedder's window.

What holds for every result of ``split`` (tests/ingestion/test_chunking.py):

- a passage is exactly ``text[start:end]`` of the pages joined by PAGE_BREAK;
- passages are in order, in bounds, do not overlap, and together hold every
  character that is not whitespace;
- heading, text and special tokens together never exceed ``max_tokens``, by the
  embedder's own tokenizer;
- the same input gives the same passages;
- a change in one place changes passages near it only (tests/ingestion/
  test_stability.py), so that a new version of a long file embeds little again.

A text is first laid out in blocks, blocks are grouped into sections (a heading
and what follows it), sections are packed into passages, and small neighbours
are merged. A page break ends a section, unless a paragraph runs on over it. What
is long without headings is cut at places that its own words choose
(``ingestion.counting.is_anchor``): filling passages one after the other would
move every later boundary with each word added.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate

from tokenizers import Tokenizer

from ingestion.counting import Path, Ruler, is_anchor
from ingestion.types import PAGE_BREAK, Block, ChunkingConfig, PageText, Passage

#: Changes when the same pages would be cut differently.
CHUNKER_VERSION = "4"

_BLANK_LINE = re.compile(r"\n\s*\n")
_HEADING_MARKS = re.compile(r"^#{1,6}\s+|\s+#+$")
# A passage below a third of the limit says little by itself and looks for
# company; below an eighth it gives up a heading for it.
_SMALL, _TINY = 3, 8
# Where filling starts anew in a long section: least blocks since the last such
# place, and how many there are for one of them.
_RUN_BLOCKS, _EACH_BLOCKS = 8, 32
_ENDS_A_SENTENCE = (".", "!", "?", ":", ";", "。", "！", "？", "…", '"', "”", ")")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Piece:
    """A stretch of the text with the headings above its first character.

    Attributes:
        path: headings in force, outermost first, without those that the
            piece itself holds.
        inside: headings that the piece holds.
        table_header: the first row of the table that the piece continues.
    """

    start: int
    end: int
    page_first: int
    page_last: int
    tokens: int
    path: Path
    inside: Path = ()
    kind: str = "paragraph"
    table_header: str = ""


def split(
    pages: Sequence[PageText],
    title: str,
    config: ChunkingConfig,
    tokenizer: Tokenizer,
    *,
    on_passage: Callable[[], None] = lambda: None,
) -> list[Passage]:
    """Cut ``pages`` into passages; see the module for what holds.

    Args:
        title: heads every heading path: "Manual › Setup › Linux".
        on_passage: runs after each passage, of which long texts have thousands.
    """
    text = PAGE_BREAK.join(page.text for page in pages)
    ruler = Ruler(tokenizer, config)
    blocks = _lay_out(pages, title, ruler)
    packed = (
        piece
        for section in _sections(blocks, text)
        for piece in _pack(section, text, ruler)
    )
    passages = []
    for passage in _passages(_merge(packed, ruler), pages, ruler):
        passages.append(passage)
        on_passage()
    return passages


def page_starts(pages: Sequence[PageText]) -> list[int]:
    """Return the offset of each page's first character in the text of the version."""
    lengths = [len(page.text) + len(PAGE_BREAK) for page in pages]
    return [0, *accumulate(lengths[:-1])]


def _lay_out(pages: Sequence[PageText], title: str, ruler: Ruler) -> Iterator[_Piece]:
    """Yield the blocks of all pages, in order, each under its headings."""
    root = (" ".join(title.split()),) if title.strip() else ()
    levels: list[tuple[int, str]] = []
    offset = 0
    for page in pages:
        for block in _blocks(page):
            label = ""
            if block.kind == "heading":
                label = _label(page.text[block.start : block.end])
                levels = [kept for kept in levels if kept[0] < max(block.level, 1)]
            yield _Piece(
                start=offset + block.start,
                end=offset + block.end,
                page_first=page.number,
                page_last=page.number,
                tokens=ruler.count(page.text[block.start : block.end]),
                path=root + tuple(name for _, name in levels),
                inside=(label,) if label else (),
                kind=block.kind,
            )
            if label:
                levels.append((max(block.level, 1), label))
        offset += len(page.text) + len(PAGE_BREAK)


def _blocks(page: PageText) -> Iterator[Block]:
    """Yield the page's blocks, trimmed and apart, with paragraphs in the gaps."""
    at = 0
    for block in sorted(page.blocks, key=lambda block: (block.start, block.end)):
        start, end = max(at, block.start), min(block.end, len(page.text))
        if end <= start:
            continue
        yield from _paragraphs(page.text, at, start)
        yield from _trimmed(page.text, replace(block, start=start, end=end))
        at = end
    yield from _paragraphs(page.text, at, len(page.text))


def _paragraphs(text: str, start: int, end: int) -> Iterator[Block]:
    at = start
    for gap in _BLANK_LINE.finditer(text, start, end):
        yield from _trimmed(text, Block(kind="paragraph", start=at, end=gap.start()))
        at = gap.end()
    yield from _trimmed(text, Block(kind="paragraph", start=at, end=end))


def _trimmed(text: str, block: Block) -> Iterator[Block]:
    held = text[block.start : block.end]
    start = block.start + len(held) - len(held.lstrip())
    end = block.end - len(held) + len(held.rstrip())
    if start < end:
        yield replace(block, start=start, end=end)


def _label(text: str) -> str:
    return " ".join(_HEADING_MARKS.sub("", text.strip()).split())[:200]


def _sections(blocks: Iterable[_Piece], text: str) -> Iterator[list[_Piece]]:
    """Group blocks: a heading opens a section, and so does a page break.

    Headings in a row stay together with what follows them. A paragraph that
    runs on over a page break keeps the section open.
    """
    section: list[_Piece] = []
    for block in blocks:
        if section and _opens(block, section[-1], text):
            yield section
            section = []
        section.append(block)
    if section:
        yield section


def _opens(block: _Piece, before: _Piece, text: str) -> bool:
    if block.kind == "heading":
        return before.kind != "heading" or block.page_first != before.page_last
    return block.page_first != before.page_last and not _runs_on(before, block, text)


def _runs_on(before: _Piece, after: _Piece, text: str) -> bool:
    """Whether a sentence goes on: no full stop above, no capital letter below."""
    if before.kind != "paragraph" or after.kind != "paragraph":
        return False
    ends = text[before.start : before.end].endswith(_ENDS_A_SENTENCE)
    return not ends and text[after.start].islower()


def _pack(section: Sequence[_Piece], text: str, ruler: Ruler) -> Iterator[_Piece]:
    """Fill passages with the section's blocks, cutting those that are too long."""
    current: _Piece | None = None
    run = 0
    for block in section:
        run += 1
        held = text[block.start : block.end]
        if current and run > _RUN_BLOCKS and is_anchor(held, _EACH_BLOCKS):
            yield current
            current, run = None, 1
        for piece in _cut(block, text, ruler):
            joined = _joined(current, piece) if current else piece
            if current and not _fits(joined, ruler):
                yield current
                joined = piece
            current = joined
    if current:
        yield current


def _cut(block: _Piece, text: str, ruler: Ruler) -> Iterator[_Piece]:
    if _fits(block, ruler):
        yield block
        return
    held = text[block.start : block.end]
    is_table = block.kind == "table"
    header = _table_header(held) if is_table else ""
    below = replace(block, path=block.path + block.inside, inside=())
    room = ruler.room(ruler.heading(below.path, header))
    cuts = ruler.rows(held, room) if is_table else ruler.pieces(held, room)
    for number, (start, end) in enumerate(cuts):
        yield replace(
            below if number else block,
            start=block.start + start,
            end=block.start + end,
            tokens=ruler.count(held[start:end]),
            table_header=header if number else "",
        )


def _table_header(table: str) -> str:
    """Return the first row, or "" where every row names its columns itself."""
    header, _, rest = table.partition("\n")
    column, second = header.split("|")[0].strip(), rest.partition("\n")[0]
    # The later part of a long table begins with a record.
    name, is_named, _ = column.partition(": ")
    is_record = is_named and second.startswith(f"{name}: ")
    return "" if is_record or (column and f"{column}:" in second) else header


def _fits(piece: _Piece, ruler: Ruler) -> bool:
    return piece.tokens <= ruler.room(ruler.heading(piece.path, piece.table_header))


def _joined(first: _Piece, second: _Piece) -> _Piece:
    return replace(
        first,
        end=second.end,
        page_last=second.page_last,
        tokens=first.tokens + second.tokens,
        path=_common(first.path, second.path),
        inside=first.inside + second.inside,
        kind=first.kind if first.kind == second.kind else "mixed",
    )


def _merge(pieces: Iterable[_Piece], ruler: Ruler) -> Iterator[_Piece]:
    """Join small neighbours, so that a passage is not a single line."""
    current: _Piece | None = None
    for piece in pieces:
        if current and _belong_together(current, piece, ruler):
            current = _joined(current, piece)
            continue
        if current:
            yield current
        current = piece
    if current:
        yield current


def _belong_together(first: _Piece, second: _Piece, ruler: Ruler) -> bool:
    """Small ones are joined; losing a heading, tiny ones only.

    Over a page break only a heading joins what it heads: a citation has to open
    at the page that says it.
    """
    if first.table_header or second.table_header:
        return False
    if first.page_last != second.page_first and first.kind != "heading":
        return False
    shared = _common(first.path, second.path)
    lost = {*first.path[len(shared) :], *second.path[len(shared) :]} - {*first.inside}
    limit = ruler.config.max_tokens // (_TINY if lost else _SMALL)
    return min(first.tokens, second.tokens) < limit and _fits(
        _joined(first, second), ruler
    )


def _passages(
    pieces: Iterable[_Piece], pages: Sequence[PageText], ruler: Ruler
) -> Iterator[Passage]:
    text = PAGE_BREAK.join(page.text for page in pages)
    starts = page_starts(pages)
    ordinal = 0
    for piece in pieces:
        heading = ruler.heading(piece.path, piece.table_header)
        for s, e, total in ruler.within(heading, text[piece.start : piece.end]):
            start, end = piece.start + s, piece.start + e
            yield Passage(
                ordinal=ordinal,
                text=text[start:end],
                heading=heading,
                start=start,
                end=end,
                page_first=pages[bisect_right(starts, start) - 1].number,
                page_last=pages[bisect_right(starts, end - 1) - 1].number,
                token_count=total,
            )
            ordinal += 1


def _common(first: Path, second: Path) -> Path:
    """Return the headings that both paths begin with."""
    length = 0
    for left, right in zip(first, second, strict=False):
        if left != right:
            break
        length += 1
    return first[:length]
