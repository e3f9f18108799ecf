"""An answer's Markdown to HTML that can be trusted. The last step before a page.

The model's text is parsed with HTML off, marks and unsupported sentences are
put in as placeholders that no text can hold, and a whitelist is applied at the
very end. Images are never shown; a link shows where it leads.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from urllib.parse import urlencode, urlsplit

import nh3
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe
from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from markdown_it.utils import EnvType, OptionsDict

from generation.grounding.sentences import MARK
from generation.grounding.verbatim import outside_code, pieces
from generation.types import CitationFound, SourceRef

_TAGS = {
    "a", "blockquote", "br", "code", "em", "h3", "h4", "h5", "h6", "hr", "li", "ol", "p",
    "pre", "s", "span", "strong", "table", "tbody", "td", "th", "thead", "tr", "ul",
}  # fmt: skip
_ATTRIBUTES = {
    "a": {"href", "class", "data-n", "aria-label"},
    "span": {"class"},
    "ol": {"start"},
}
# Private-use characters: dropped from the text first, so that none can be forged.
_OPEN, _CLOSE, _NUMBER, _NUMBER_END = "\ue000", "\ue001", "\ue002", "\ue003"
_PRIVATE = re.compile(r"[\ue000-\uf8ff]")


def render_answer(
    text: str, citations: Sequence[CitationFound], sources: Sequence[SourceRef]
) -> SafeString:
    """Return HTML of ``text``; spans of ``citations`` are offsets into it.

    [n] becomes ``<a class="mark" data-n="n">`` to the words of the source that bear its
    sentence, and a sentence that no source bears is wrapped in
    ``<span class="unsupported">``.
    """
    prepared = _PRIVATE.sub("\ufffd", text)
    owners = iter(_owners(prepared, citations))
    prepared = _wrap_unsupported(prepared, citations)
    numbers = {source.n for source in sources}
    prepared = outside_code(prepared, lambda part: _place_marks(part, numbers, owners))
    html = _markdown().render(prepared)
    html = _fill_marks(html, {source.n: source for source in sources}, citations)
    html = html.replace(_OPEN, '<span class="unsupported">').replace(_CLOSE, "</span>")
    # html5ever repairs nesting that a sentence across an emphasis may break.
    clean = nh3.clean(
        html,
        tags=_TAGS,
        attributes=_ATTRIBUTES,
        url_schemes={"http", "https"},
        link_rel="noopener noreferrer nofollow",
    )
    return mark_safe(clean)  # noqa: S308 - cleaned by a whitelist just above


def _wrap_unsupported(text: str, citations: Sequence[CitationFound]) -> str:
    spans = [
        span
        for citation in citations
        if citation.verdict == "unsupported"
        for span in pieces(text, citation.start, citation.end)
    ]
    for start, end in sorted(spans, reverse=True):
        text = f"{text[:start]}{_OPEN}{text[start:end]}{_CLOSE}{text[end:]}"
    return text


def _owners(text: str, citations: Sequence[CitationFound]) -> Iterator[int]:
    """Yield for each mark of ``text`` the index of the citation it stands in, -1 for none."""

    def blank(match: re.Match[str]) -> str:
        return _NUMBER + _NUMBER_END * (len(match[0]) - 1)

    blanked = outside_code(text, lambda part: MARK.sub(blank, part))
    for mark in re.finditer(_NUMBER, blanked):
        inside = (
            index
            for index, citation in enumerate(citations)
            if citation.start <= mark.start() < citation.end
        )
        yield next(inside, -1)


def _place_marks(text: str, known: set[int], owners: Iterator[int]) -> str:
    def place(match: re.Match[str]) -> str:
        owner = next(owners, -1)
        numbers = [int(n) for n in re.findall(r"\d+", match[1])]
        return "".join(
            f"{_NUMBER}{n}:{owner}{_NUMBER_END}" for n in numbers if n in known
        )

    return MARK.sub(place, text)


def _fill_marks(
    html: str, sources: dict[int, SourceRef], citations: Sequence[CitationFound]
) -> str:
    def fill(match: re.Match[str]) -> str:
        source, owner = sources[int(match[1])], int(match[2])
        evidence = citations[owner].evidence if owner >= 0 else ()
        words = (one for one in evidence if one.n == source.n and one.quote)
        source = replace(source, borne=next(words, source.borne))
        return format_html(
            '<a class="mark" href="{}" data-n="{}" aria-label="Source {}">{}</a>',
            source_url(source),
            source.n,
            source.n,
            source.n,
        )

    return re.sub(f"{_NUMBER}(\\d+):(-?\\d+){_NUMBER_END}", fill, html)


def source_url(source: SourceRef) -> str:
    """Return the address of the document at the words that bear the answer.

    Of one that may no longer be read, that of the list which says so.
    """
    if not source.quote:
        return "#sources"
    page, start, end = source.place
    place = urlencode(
        {
            "page": page,
            "start": start,
            "end": end,
            # Offsets count in this version; the document may have a newer one.
            "version": source.version_id,
        }
    )
    return f"{reverse('document', args=[source.document_id])}?{place}"


def _markdown() -> MarkdownIt:
    parser = MarkdownIt("commonmark", {"html": False, "linkify": False})
    parser.enable(["table", "strikethrough"]).disable(
        ["image", "html_inline", "html_block"]
    )
    parser.add_render_rule("heading_open", _heading)
    parser.add_render_rule("heading_close", _heading)
    parser.add_render_rule("link_close", _link_close)
    return parser


def _heading(
    renderer: RendererHTML,
    tokens: Sequence[Token],
    index: int,
    options: OptionsDict,
    env: EnvType,
) -> str:
    """Headings of an answer lie below those of the page."""
    level = min(int(tokens[index].tag[1]) + 2, 6)
    return f"<{'/' if tokens[index].nesting < 0 else ''}h{level}>"


def _link_close(
    renderer: RendererHTML,
    tokens: Sequence[Token],
    index: int,
    options: OptionsDict,
    env: EnvType,
) -> str:
    """Show the host of a link beside its text, which may say anything."""
    opening = next(t for t in reversed(tokens[:index]) if t.type == "link_open")
    host = urlsplit(str(opening.attrGet("href") or "")).hostname or ""
    return f"</a> ({format_html('{}', host)})" if host else "</a>"
