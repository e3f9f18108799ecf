"""Making, sharing and deleting collections."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST

from ingestion import services
from ingestion.forms import CollectionForm, CollectionSettingsForm, MemberForm
from ingestion.listing import audience_of, collections_listed
from ingestion.models import Collection, Membership, Role
from ingestion.visibility import collections_visible_to, get_collection_for
from rag_site.asking import Asker, asker_of_request
from rag_site.errors import Conflict, InvalidInput, NotFound


@require_http_methods(["GET", "POST"])
def create(request: HttpRequest) -> HttpResponse:
    asker = asker_of_request(request)
    form = CollectionForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            made = services.create_collection(asker, **form.cleaned_data)
        except (Conflict, InvalidInput) as problem:
            form.add_error("name", problem.message)
        else:
            return redirect(f"{reverse('library')}?collection={made.pk}")
    context = {
        "form": form,
        "section": "library",
        "collections": collections_listed(asker),
        "dialog_form": CollectionForm(auto_id="new_%s"),
    }
    status = 422 if form.errors else 200
    return render(request, "ingestion/collection_new.html", context, status=status)


@require_http_methods(["GET", "POST"])
def settings(request: HttpRequest, pk: UUID) -> HttpResponse:
    asker = asker_of_request(request)
    collection = get_collection_for(asker, pk, Role.MANAGER)
    form = CollectionSettingsForm(request.POST or None, initial=_values(collection))
    if request.method == "POST" and form.is_valid():
        try:
            services.update_collection(asker, pk, **form.cleaned_data)
        except (Conflict, InvalidInput) as problem:
            form.add_error("name", problem.message)
        else:
            messages.success(request, "Saved.")
            return redirect("collection", pk)
    return _settings_page(request, asker, collection, {"form": form})


@require_POST
def add_member(request: HttpRequest, pk: UUID) -> HttpResponse:
    asker = asker_of_request(request)
    collection = get_collection_for(asker, pk, Role.MANAGER)
    form = MemberForm(request.POST)
    if not form.is_valid():
        return _settings_page(request, asker, collection, {"member_form": form})
    try:
        services.set_member(asker, pk, **form.cleaned_data)
    except (Conflict, InvalidInput) as problem:
        form.add_error(None, problem.message)
        return _settings_page(request, asker, collection, {"member_form": form})
    return redirect(f"{reverse('collection', args=[pk])}#members")


@require_POST
def remove_member(request: HttpRequest, pk: int) -> HttpResponse:
    asker = asker_of_request(request)
    managed = collections_visible_to(asker, Role.MANAGER)
    member = Membership.objects.filter(pk=pk, collection__in=managed).first()
    if member is None:
        raise NotFound
    services.remove_member(asker, pk)
    if not managed.filter(pk=member.collection_id).exists():
        return redirect("library")
    return redirect(f"{reverse('collection', args=[member.collection_id])}#members")


@require_POST
def retry_all(request: HttpRequest, pk: UUID) -> HttpResponse:
    count = services.retry_all(asker_of_request(request), pk)
    messages.success(request, f"{count} {'is' if count == 1 else 'are'} read again.")
    return redirect(f"{reverse('library')}?collection={pk}")


@require_POST
def delete(request: HttpRequest, pk: UUID) -> HttpResponse:
    asker = asker_of_request(request)
    collection = get_collection_for(asker, pk, Role.MANAGER)
    if request.POST.get("name", "").strip() != collection.name:
        error = {"name_error": "The name does not match, so nothing was deleted."}
        return _settings_page(request, asker, collection, error)
    services.delete_collection(asker, pk)
    messages.success(request, f"{collection.name} was deleted.")
    return redirect("library")


def _values(collection: Collection) -> dict[str, str]:
    names = ("name", "description", "visibility", "language", "masking", "adapter")
    return {name: getattr(collection, name) for name in names}


def _settings_page(
    request: HttpRequest, asker: Asker, collection: Collection, extra: dict[str, Any]
) -> HttpResponse:
    context = {
        "section": "library",
        "collection": collection,
        "collections": collections_listed(asker),
        "new_collection": CollectionForm(auto_id="new_%s"),
        "audience": audience_of(collection, asker),
        "form": CollectionSettingsForm(initial=_values(collection)),
        "member_form": MemberForm(auto_id="member_%s"),
        "members": collection.memberships.select_related("user", "group"),
        "roles": Role.choices,
        "document_count": collection.documents.count(),
    } | extra
    is_wrong = any(getattr(value, "errors", None) for value in extra.values())
    status = 422 if is_wrong or "name_error" in extra else 200
    return render(request, "ingestion/collection_settings.html", context, status=status)
