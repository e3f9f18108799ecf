"""Where a person is signed in.

Django's sessions do not say whose they are, so all live ones are read; their
number is that of browsers in use, which stays small for a team.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass

from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.models import Session
from django.http import HttpRequest
from django.utils import timezone

_NOTE = "signed_in_from"


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedIn:
    """One browser; ``at`` and ``browser`` are unknown for sessions made elsewhere."""

    key: str
    browser: str
    at: dt.datetime | None
    is_this: bool


def note_sign_in(request: HttpRequest) -> None:
    request.session[_NOTE] = {
        "browser": browser_name(request.headers.get("User-Agent", "")),
        "at": timezone.now().isoformat(),
    }


def forget_expired() -> None:
    """Remove sessions whose time is over; nobody signs out of those."""
    Session.objects.filter(expire_date__lt=timezone.now()).delete()


def sessions_of(request: HttpRequest) -> list[SignedIn]:
    """Return the browsers of the person asking, this one first, then the newest."""
    found = [_shown(row, request) for row in _rows_of(request)]
    oldest = dt.datetime.min.replace(tzinfo=dt.UTC)
    return sorted(found, key=lambda s: (s.is_this, s.at or oldest), reverse=True)


def end_others(request: HttpRequest) -> int:
    """Sign the person out everywhere but here; returns how many browsers that were."""
    others = [
        row.session_key
        for row in _rows_of(request)
        if row.session_key != request.session.session_key
    ]
    Session.objects.filter(session_key__in=others).delete()
    return len(others)


def browser_name(agent: str) -> str:
    """Return browser and system as people call them, from a User-Agent."""
    browsers = (
        ("Edg", "Edge"),
        ("Firefox", "Firefox"),
        ("Chrome", "Chrome"),
        ("Safari", "Safari"),
    )
    systems = (
        ("Android", "Android"),
        ("iPhone", "iPhone"),
        ("iPad", "iPad"),
        ("Windows", "Windows"),
        ("Mac OS", "macOS"),
        ("Linux", "Linux"),
    )
    browser = next((name for sign, name in browsers if sign in agent), "Browser")
    system = next((name for sign, name in systems if sign in agent), "")
    return f"{browser} on {system}" if system else browser


def _rows_of(request: HttpRequest) -> Iterator[Session]:
    mine = str(request.user.pk)
    for row in Session.objects.filter(expire_date__gt=timezone.now()).iterator():
        if row.get_decoded().get(SESSION_KEY) == mine:
            yield row


def _shown(row: Session, request: HttpRequest) -> SignedIn:
    note = row.get_decoded().get(_NOTE, {})
    return SignedIn(
        key=row.session_key,
        browser=note.get("browser", "Browser"),
        at=dt.datetime.fromisoformat(note["at"]) if note.get("at") else None,
        is_this=row.session_key == request.session.session_key,
    )
