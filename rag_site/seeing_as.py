"""What somebody else may reach: an administrator looks, and the audit says so.

Names, roles and the reasons for them; never what a document says. An
administrator who needs to read joins the collection, which is recorded too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

from django.db import transaction
from django.db.models import Count, Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_http_methods

from ingestion.models import Collection, Membership
from ingestion.share_models import Share
from ingestion.visibility import collections_visible_to, visible_to
from rag_site import audit
from rag_site.asking import Asker, asker_of_request
from rag_site.errors import NotFound, RagError
from rag_site.forms import SeeAsForm
from rag_site.models import User
from retrieval.search import search
from retrieval.types import Hit, RetrievalConfig

_FOUND = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Reached:
    """A collection in somebody's reach, and why it is.

    Attributes:
        reasons: each with the role that it gives, such as "reader, through the
            group Sales".
        documents: how many of it can be searched.
    """

    name: str
    owner: str
    reasons: tuple[str, ...]
    documents: int


def reach_of(person: User) -> list[Reached]:
    """Return what ``person`` may read, by the same SQL that every door asks."""
    rows = (
        collections_visible_to(Asker(user_id=person.pk))
        .select_related("owner")
        .annotate(
            ready=Count("documents", filter=Q(documents__current_version__isnull=False))
        )
    )
    memberships = Membership.objects.filter(
        Q(user=person) | Q(group__in=person.groups.all()), collection__in=rows
    ).select_related("group")
    return [
        Reached(
            name=row.name,
            owner=row.owner.get_username(),
            reasons=_reasons(
                person, row, [m for m in memberships if m.collection_id == row.pk]
            ),
            documents=row.ready,
        )
        for row in rows
    ]


def shared_with(person: User) -> list[str]:
    """Return the names of single documents that were shared with ``person``."""
    if not person.is_active:
        return []
    rows = Share.objects.filter(Q(user=person) | Q(group__in=person.groups.all()))
    names = rows.values_list("document__name", flat=True)
    return list(names.distinct().order_by("document__name"))


def _reasons(
    person: User, collection: Collection, memberships: Sequence[Membership]
) -> tuple[str, ...]:
    found = ["owner"] if collection.owner_id == person.pk else []
    for membership in memberships:
        group = membership.group
        through = f"through the group {group.name}" if group else "as a member"
        found.append(f"{membership.role}, {through}")
    if collection.visibility == Collection.Visibility.EVERYONE:
        found.append("reader, because everyone may read it")
    return tuple(found)


@require_http_methods(["GET", "POST"])
def see_as(request: HttpRequest) -> HttpResponse:
    """Show a person's reach, and where a question of theirs would look."""
    if not cast("User", request.user).is_superuser:
        raise NotFound
    form = SeeAsForm(request.POST or None)
    context: dict[str, object] = {"form": form}
    if form.is_valid():
        person, question = form.cleaned_data["person"], form.cleaned_data["question"]
        with transaction.atomic():
            audit.record(
                "rights.seen_as",
                asker=asker_of_request(request),
                object_kind="user",
                object_id=person.pk,
                detail={"user": person.get_username(), "searched": bool(question)},
            )
        context |= {
            "person": person,
            "reach": reach_of(person),
            "shared": shared_with(person),
        }
        if question:
            context |= _looked_up(person, question)
    return render(request, "rag_site/see_as.html", context)


def _looked_up(person: User, question: str) -> dict[str, object]:
    """Return the places that a search of theirs finds, without a word of them."""
    config = RetrievalConfig.from_settings(k=_FOUND)
    try:
        found = search(question, visible_to(Asker(user_id=person.pk)), config)
    except RagError as problem:
        return {"problem": problem.message}
    return {"hits": [_place(hit) for hit in found.hits], "searched": found.documents}


def _place(hit: Hit) -> dict[str, object]:
    return {"document": hit.document, "page": hit.page, "score": round(hit.score, 3)}
