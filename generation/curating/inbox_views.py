"""The inbox of a collection, and what a curator keeps of an answer."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import (
    require_GET,
    require_http_methods,
    require_POST,
)

from generation.curating import approving, inbox
from generation.curating.forms import ApproveForm, DoneForm, InboxForm
from generation.models import Answer
from generation.selectors import get_answer_for
from ingestion.models import Collection
from rag_site.asking import asker_of_request
from rag_site.errors import Conflict, InvalidInput, NotFound
from retrieval.explaining import curated_collection
from retrieval.framing import frame

_ON_PAGE = 30


@require_GET
def show(request: HttpRequest, pk: UUID) -> HttpResponse:
    asker = asker_of_request(request)
    collection = curated_collection(asker, pk)
    form = InboxForm(request.GET)
    form.is_valid()
    state = form.cleaned_data.get("state") or "open"
    order = form.cleaned_data.get("order") or "newest"
    is_frequent_first = order == "frequent"
    groups = inbox.groups_of(asker, collection, is_frequent_first=is_frequent_first)
    found = [group for group in groups if group.is_done == (state == "done")]
    context = {
        **frame(asker, collection),
        "here": "inbox",
        "page": Paginator(found, _ON_PAGE).get_page(request.GET.get("page")),
        "states": InboxForm.STATES,
        "orders": InboxForm.ORDERS,
        "state": state,
        "order": order,
        "most": inbox.MAX_QUESTIONS,
    }
    return render(request, "generation/inbox.html", context)


@require_POST
def done(request: HttpRequest, pk: UUID, key: str) -> HttpResponse:
    asker = asker_of_request(request)
    collection = curated_collection(asker, pk)
    form = DoneForm(request.POST)
    if not form.is_valid():
        raise NotFound
    inbox.mark_done(asker, collection, key, form.cleaned_data["seen"])
    messages.success(request, "Done. It comes back if somebody asks it again.")
    return _back(request, pk)


@require_POST
def reopen(request: HttpRequest, pk: UUID, key: str) -> HttpResponse:
    asker = asker_of_request(request)
    inbox.reopen(asker, curated_collection(asker, pk), key)
    messages.success(request, "Open again.")
    return _back(request, pk)


def _back(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Return to the list where it was: the same state, order and page."""
    address, query = reverse("inbox", args=[pk]), request.GET.urlencode()
    return redirect(f"{address}?{query}" if query else address)


@require_http_methods(["GET", "POST"])
def approve(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Ask what is to be kept of an answer of the asker's own, and keep it."""
    asker = asker_of_request(request)
    answer = get_answer_for(asker, pk)
    collections = approving.collections_for(answer, asker)
    form = ApproveForm(request.POST or None, initial=_initial(answer))
    if request.method == "POST" and form.is_valid():
        wanted = approving.Wanted(
            collection_id=form.cleaned_data["collection"],
            question=form.cleaned_data["question"],
            accepted=form.wordings(),
            is_right=form.cleaned_data["is_right"],
        )
        try:
            approving.approve(asker, pk, wanted)
        except (Conflict, InvalidInput) as problem:
            form.add_error(None, problem.message)
        else:
            messages.success(request, "Saved as golden.")
            url = reverse("chat", args=[answer.conversation_id])
            return redirect(f"{url}?from={pk}#a-{pk}")
    context = _context(answer, collections, form)
    status = 422 if form.errors else 200
    return render(request, "generation/approve.html", context, status=status)


def _initial(answer: Answer) -> dict[str, Any]:
    return {
        "question": approving.question_of(answer),
        "accepted": approving.wording_of(answer),
        "is_unanswerable": answer.is_refused,
        "is_right": True,
    }


def _context(
    answer: Answer, collections: list[Collection], form: ApproveForm
) -> dict[str, Any]:
    choices = [(str(row.pk), row.name) for row in collections]
    form.fields["collection"].widget.choices = choices
    return {"section": "ask", "answer": answer, "form": form}
