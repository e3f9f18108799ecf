"""What is said of one document on its page: who it is shared with, and its tags."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_POST

from ingestion import sharing, tagging
from ingestion.forms import ShareForm, TagsForm
from ingestion.models import Role
from ingestion.visibility import get_document_for
from rag_site.asking import asker_of_request


@require_POST
def share(request: HttpRequest, pk: UUID) -> HttpResponse:
    asker = asker_of_request(request)
    get_document_for(asker, pk, Role.MANAGER)
    form = ShareForm(request.POST)
    if form.is_valid():
        sharing.share(asker, pk, **form.cleaned_data)
    else:
        messages.error(request, str(next(iter(form.errors.values()))[0]))
    return _back(pk)


@require_POST
def unshare(request: HttpRequest, pk: UUID, number: int) -> HttpResponse:
    sharing.unshare(asker_of_request(request), pk, number)
    return _back(pk)


@require_POST
def set_tags(request: HttpRequest, pk: UUID) -> HttpResponse:
    asker = asker_of_request(request)
    get_document_for(asker, pk, Role.WRITER)
    form = TagsForm(request.POST)
    if form.is_valid():
        tagging.set_tags(asker, pk, form.cleaned_data["tags"])
    else:
        messages.error(request, str(next(iter(form.errors.values()))[0]))
    return _back(pk, "tags")


def _back(pk: UUID, place: str = "shares") -> HttpResponse:
    return redirect(f"{reverse('document', args=[pk])}#{place}")
