"""How values are shown: icons, sizes, times and counts, the same on every page."""

from __future__ import annotations

import datetime as dt
from functools import cache

from django import template
from django.contrib.humanize.templatetags.humanize import intcomma, naturaltime
from django.templatetags.static import static
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

register = template.Library()

_KB = 1000


@register.simple_tag
def icon(name: str, extra: str = "") -> SafeString:
    """Return a decorative drawing: the word beside it or the label names it."""
    return format_html(
        '<svg class="icon {}" aria-hidden="true"><use href="{}#{}"/></svg>',
        extra,
        _sprite(),
        name,
    )


@cache
def _sprite() -> str:
    return static("icons.svg")


@register.filter
def size(size_bytes: int) -> str:
    """Return bytes in kB, MB or GB, powers of ten as file managers show them."""
    if size_bytes < _KB:
        return f"{size_bytes} bytes"
    if size_bytes < _KB * _KB:
        return f"{size_bytes / _KB:.0f} kB"
    megabytes = size_bytes / _KB / _KB
    if megabytes >= 10 * _KB:
        return f"{megabytes / _KB:.0f} GB"
    return f"{megabytes:.1f} MB" if megabytes < 10 else f"{megabytes:,.0f} MB"


@register.filter
def grouped(number: float) -> str:
    return str(intcomma(number))


@register.filter
def duration(seconds: float | None) -> str:
    """Return a length of time in words short enough for a table."""
    if seconds is None:
        return ""
    if seconds < 60:
        return f"{max(1, round(seconds))} s"
    if seconds < 3600:
        return f"{round(seconds / 60)} min"
    return f"{seconds / 3600:.1f} h"


@register.filter
def milliseconds(value: float) -> str:
    """Return milliseconds, as seconds from one second on."""
    return f"{value / 1000:.1f} s" if value >= _KB else f"{value:.0f} ms"


@register.filter
def timing(value: object, name: str) -> str:
    """Return a figure of an answer's timings: most are milliseconds, some counts."""
    if not isinstance(value, int | float):
        return str(value)
    if name.endswith("_ms"):
        return milliseconds(value)
    return grouped(int(value) if value == int(value) else round(value, 1))


@register.filter
def figure_name(name: str) -> str:
    """Return what a person calls it: "First token" for first_token_ms."""
    return name.removesuffix("_ms").replace("_", " ").capitalize()


@register.filter
def ordinal_place(place: int) -> str:
    """Return 1st, 2nd, 3rd, 11th."""
    last_two, last = place % 100, place % 10
    suffix = {1: "st", 2: "nd", 3: "rd"}.get(last, "th")
    return f"{place}{'th' if 10 < last_two < 14 else suffix}"


@register.simple_tag
def when(at: dt.datetime | None) -> SafeString | str:
    """Return a relative time with the exact one on hover; a script makes it local."""
    if at is None:
        return ""
    exact = timezone.localtime(at)
    return format_html(
        '<time datetime="{}" title="{}">{}</time>',
        exact.isoformat(timespec="seconds"),
        f"{exact:%d %B %Y, %H:%M %Z}",
        naturaltime(at).split(",")[0].replace("\xa0", " ")
        + (" ago" if "," in naturaltime(at) and timezone.now() >= at else ""),
    )
