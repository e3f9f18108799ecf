"""Adding files in the browser: sent, fetched, or chosen again when a name is taken."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import cast
from uuid import UUID

from django.contrib import messages
from django.core.files.uploadedfile import TemporaryUploadedFile
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST

from ingestion import holding
from ingestion.accepting import OnSameName
from ingestion.archiving import is_archive
from ingestion.errors import DiskFull
from ingestion.folders import place_of
from ingestion.listing import Row, rows_of, with_newest_version, writable_ids
from ingestion.models import Document, Role
from ingestion.receiving import Received, Sent, fetched_from, receive
from ingestion.visibility import get_collection_for
from rag_site.asking import Asker, asker_of_request
from rag_site.errors import NotFound, RagError, ValidationFailed

POLICIES: tuple[OnSameName, ...] = ("ask", "keep", "replace", "skip")


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """What the page says of one file that was sent.

    Attributes:
        received: one entry, or one for each file of an archive.
        token: brings the file back while a choice is open, else "".
        row: of the one document that it became, if it is one.
        namesake: the document that has the name already, newest version first.
    """

    name: str
    received: Sequence[Received]
    token: str = ""
    row: Row | None = None
    namesake: Row | None = None
    added: int = 0
    refused: Sequence[Received] = field(default=())
    taken: Sequence[Received] = field(default=())

    @property
    def is_archive(self) -> bool:
        return is_archive(self.name) and not (
            len(self.received) == 1 and self.received[0].problem
        )

    @property
    def outcome(self) -> str:
        if self.token:
            return "conflict"
        if len(self.received) == 1:
            return self.received[0].outcome or "refused"
        return "refused" if len(self.refused) == len(self.received) else "created"

    @property
    def there(self) -> int:
        return sum(one.outcome == "duplicate" for one in self.received)

    @property
    def skipped(self) -> int:
        return sum(one.outcome == "skipped" for one in self.received)

    @property
    def may_be_sent_again(self) -> bool:
        problem = self.received[0].problem
        return isinstance(problem, DiskFull) or bool(problem and problem.retryable)


@require_POST
def upload(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Take files; each is accepted, refused or asked about by itself."""
    asker = asker_of_request(request)
    get_collection_for(asker, pk, Role.WRITER)
    policy = _policy(request, "on_same_name")
    holding.forget_old()
    lines = [_taken_in(asker, pk, sent, policy) for sent in _sent(request)]
    return _answer(request, pk, lines)


@require_POST
def fetch(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Add the file at a web address."""
    asker = asker_of_request(request)
    get_collection_for(asker, pk, Role.WRITER)
    url = request.POST.get("url", "").strip()
    try:
        line = fetched_from(
            asker, pk, url, lambda sent: _taken_in(asker, pk, sent, "ask")
        )
    except NotFound:
        raise
    except RagError as problem:
        line = _line(asker, url[:200], [Received(name=url[:200], problem=problem)])
    return _answer(request, pk, [line])


@require_POST
def choose(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Replace, keep both or skip, for files that wait for that choice."""
    asker = asker_of_request(request)
    get_collection_for(asker, pk, Role.WRITER)
    policy = _policy(request, "choice")
    if policy == "ask":
        raise ValidationFailed("Choose replace, keep or skip.")
    lines = [
        _chosen(asker, pk, token, policy) for token in request.POST.getlist("token")
    ]
    return _answer(request, pk, lines)


def _policy(request: HttpRequest, name: str) -> OnSameName:
    wanted = request.POST.get(name, "ask")
    return next((known for known in POLICIES if known == wanted), "ask")


def _sent(request: HttpRequest) -> list[Sent]:
    files = cast("list[TemporaryUploadedFile]", request.FILES.getlist("files"))
    paths = request.POST.getlist("paths")
    if len(paths) != len(files):
        # Without script a browser sends names only.
        paths = [file.name or "" for file in files]
    return [
        Sent(
            path=Path(file.temporary_file_path()),
            name=place_of(path).name,
            folder=place_of(path).folder,
        )
        for file, path in zip(files, paths, strict=True)
    ]


def _chosen(asker: Asker, pk: UUID, token: str, policy: OnSameName) -> Line:
    try:
        with holding.held(asker, pk, token) as sent:
            if policy == "skip" and not is_archive(sent.name):
                skipped = Received(name=sent.shown, outcome="skipped")
                return Line(name=sent.shown, received=[skipped])
            line = _taken_in(asker, pk, sent, policy)
            if line.may_be_sent_again:
                line = replace(line, token=holding.hold(asker, pk, sent))
            return line
    except holding.NoLongerHeld as problem:
        return _line(asker, "", [Received(name="This file", problem=problem)])


def _taken_in(asker: Asker, pk: UUID, sent: Sent, policy: OnSameName) -> Line:
    received = receive(asker, pk, sent, policy, unpack=True)
    token = ""
    if any(one.is_conflict for one in received):
        token = holding.hold(asker, pk, sent)
    return _line(asker, sent.shown, received, token)


def _line(
    asker: Asker, name: str, received: Sequence[Received], token: str = ""
) -> Line:
    alone = received[0] if len(received) == 1 else None
    return Line(
        name=name or received[0].name,
        received=received,
        token=token,
        row=_row(asker, alone.document.pk) if alone and alone.document else None,
        namesake=_row(asker, UUID(alone.problem.detail["document"]))
        if alone and alone.problem and alone.is_conflict
        else None,
        added=sum(one.outcome in ("created", "new_version") for one in received),
        refused=[one for one in received if one.problem and not one.is_conflict],
        taken=[one for one in received if one.is_conflict],
    )


def _row(asker: Asker, pk: UUID) -> Row:
    found = with_newest_version(Document.objects.filter(pk=pk))
    return rows_of(list(found), writable_ids(asker))[0]


def _answer(request: HttpRequest, pk: UUID, lines: Sequence[Line]) -> HttpResponse:
    if getattr(request, "htmx", False):
        context = {"lines": lines, "collection_id": pk}
        return render(request, "ingestion/_upload_lines.html", context)
    open_lines = [line for line in lines if line.token]
    if open_lines:
        context = {"lines": lines, "collection_id": pk, "section": "library"}
        return render(request, "ingestion/conflicts.html", context, status=409)
    _tell(request, lines)
    return redirect(f"{reverse('library')}?collection={pk}")


def _tell(request: HttpRequest, lines: Sequence[Line]) -> None:
    if not lines:
        messages.warning(request, "Choose at least one file.")
    for line in lines:
        if line.is_archive:
            text = f"{line.added} added, {len(line.refused)} not added"
            messages.info(request, f"{line.name}: {text}")
        for one in line.refused if line.is_archive else line.received:
            level = messages.ERROR if one.problem else messages.SUCCESS
            messages.add_message(
                request, level, f"{one.name}: {one.message or one.words}"
            )
