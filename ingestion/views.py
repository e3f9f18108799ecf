"""The library and its documents: read a request, call one service, render."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_GET, require_POST
from django_htmx.http import HTMX_STOP_POLLING

from ingestion import services
from ingestion.forms import CollectionForm, LibraryFilter, ShareForm, TagsForm
from ingestion.listing import (
    ROWS_PER_PAGE,
    Row,
    address_of,
    audience_of,
    collections_listed,
    columns_of,
    documents_listed,
    rows_of,
    tags_listed,
    with_newest_version,
    writable_ids,
)
from ingestion.models import Collection, Role
from ingestion.page_view import page_context
from ingestion.selectors import overall
from ingestion.uploads import SUPPORTED
from ingestion.visibility import (
    collections_visible_to,
    documents_visible_to,
    get_collection_for,
    get_document_for,
    held_to_floor,
)
from rag_site.asking import Asker, asker_of_request
from rag_site.errors import NotFound, RagError

# Documents followed by one page at a time.
_LIVE_MAX = 120
_BULK: dict[str, tuple[Any, str]] = {
    "retry": (services.retry, "queued again"),
    "cancel": (services.cancel, "cancelled"),
    "delete": (services.delete_document, "deleted"),
}


@require_GET
def library(request: HttpRequest) -> HttpResponse:
    asker = asker_of_request(request)
    chosen = LibraryFilter(request.GET).chosen
    collection = (
        get_collection_for(asker, chosen["collection"])
        if chosen["collection"]
        else None
    )
    context = _table_context(asker, chosen, collection) | _around(asker, collection)
    is_table = getattr(request, "htmx", False)
    name = "ingestion/_documents.html" if is_table else "ingestion/library.html"
    return render(request, name, context)


@require_GET
def progress(request: HttpRequest) -> HttpResponse:
    """Return what has changed of the documents that a page shows as unfinished.

    ``live`` holds "row:<id>" or "line:<id>", by where the document is shown.
    ``page`` says that the page is of one document, and whether it shows its text.
    """
    asker = asker_of_request(request)
    inside = LibraryFilter({"collection": request.GET.get("in", "")}).chosen
    shown = [one.partition(":") for one in request.GET.getlist("live")[:_LIVE_MAX]]
    ids = {pk for _, _, pk in shown if _is_uuid(pk)}
    visible = with_newest_version(documents_visible_to(asker)).filter(pk__in=ids)
    writable = writable_ids(asker)
    found = held_to_floor(asker.user_id, visible)
    rows = {str(row.document.pk): row for row in rows_of(found, writable)}
    context = {
        "rows": [rows[pk] for shape, _, pk in shown if shape == "row" and pk in rows],
        "lines": [rows[pk] for shape, _, pk in shown if shape == "line" and pk in rows],
        "gone": [(shape, pk) for shape, _, pk in shown if pk in ids - rows.keys()],
        "overall": overall(asker, inside["collection"]),
        "is_live": any(not row.is_settled for row in rows.values()),
        "collection": inside["collection"],
        "collection_id": inside["collection"],
        "can_write": bool(writable),
        "is_oob": True,
    }
    response = render(request, "ingestion/_progress_all.html", context)
    if "page" in request.GET and not context["is_live"]:
        response.status_code = HTMX_STOP_POLLING
        if request.GET["page"] == "blank":
            response.headers["HX-Refresh"] = "true"
    return response


@require_POST
def retry(request: HttpRequest, pk: UUID) -> HttpResponse:
    services.retry(asker_of_request(request), pk)
    return _back(request)


@require_POST
def cancel(request: HttpRequest, pk: UUID) -> HttpResponse:
    services.cancel(asker_of_request(request), pk)
    return _back(request)


@require_POST
def delete(request: HttpRequest, pk: UUID) -> HttpResponse:
    asker = asker_of_request(request)
    name = get_document_for(asker, pk).name
    services.delete_document(asker, pk)
    messages.success(request, f"{name} was deleted.")
    return _back(request)


@require_POST
def bulk(request: HttpRequest) -> HttpResponse:
    """Retry, cancel or delete what is ticked; what cannot be done stops nothing."""
    asker = asker_of_request(request)
    act, word = _BULK.get(request.POST.get("action", ""), (None, ""))
    picked = request.POST.getlist("document")
    if act is None or not picked:
        messages.warning(request, "Tick the documents first.")
        return _back(request)
    done = sum(_attempt(request, act, asker, pk) for pk in picked)
    if done:
        messages.success(request, f"{done} of {len(picked)} {word}.")
    return _back(request)


@require_GET
def document(request: HttpRequest, pk: UUID) -> HttpResponse:
    asker = asker_of_request(request)
    found = get_document_for(asker, pk)
    context = page_context(found, request.GET, asker) | _around(asker, found.collection)
    context |= {"document": found, "row": _row(asker, pk)}
    context["shares"] = found.shares.select_related("user", "group")
    context["share_form"] = ShareForm(auto_id="share_%s")
    tags = ", ".join(found.tags)
    context["tags_form"] = TagsForm(auto_id="doc_%s", initial={"tags": tags})
    context["about"] = f"What does “{found.name}” say about "
    return render(request, "ingestion/document.html", context)


@require_GET
def page_image(request: HttpRequest, pk: UUID, number: int) -> HttpResponse:
    from ingestion.page_view import png_of, version_of

    found = get_document_for(asker_of_request(request), pk)
    version = version_of(found, request.GET.get("version", ""))
    if version is None:
        raise NotFound
    response = HttpResponse(png_of(version, number), content_type="image/png")
    # A version never changes; rights are checked again after a minute.
    response["Cache-Control"] = "private, max-age=60"
    return response


def _row(asker: Asker, pk: UUID) -> Row:
    found = with_newest_version(documents_visible_to(asker)).filter(pk=pk).first()
    if found is None:
        raise NotFound
    return rows_of([found], writable_ids(asker))[0]


def _table_context(
    asker: Asker, chosen: dict[str, Any], collection: Collection | None
) -> dict[str, Any]:
    page = Paginator(documents_listed(asker, chosen), ROWS_PER_PAGE).get_page(
        chosen["page"]
    )
    writable = writable_ids(asker)
    rows = rows_of(held_to_floor(asker.user_id, page), writable)
    return {
        "chosen": chosen,
        "page": page,
        "rows": rows,
        "is_live": any(not row.is_settled for row in rows),
        "overall": overall(asker, chosen["collection"]),
        "total": page.paginator.count,
        "tags": tags_listed(asker, collection),
        "can_write": bool(writable),
        "columns": columns_of(chosen),
        "previous_url": address_of(chosen, page=page.number - 1),
        "next_url": address_of(chosen, page=page.number + 1),
        "states": LibraryFilter.base_fields["state"].choices,  # type: ignore[attr-defined]  # a ChoiceField
    }


def _around(asker: Asker, collection: Collection | None) -> dict[str, Any]:
    """Return what surrounds the table: collections, rights, where uploads go."""
    writable = collections_visible_to(asker, Role.WRITER)
    managed = collections_visible_to(asker, Role.MANAGER)
    here = writable.filter(pk=collection.pk) if collection else writable
    return {
        "section": "library",
        "collection": collection,
        "collections": collections_listed(asker),
        "is_member": collection is not None
        and collections_visible_to(asker).filter(pk=collection.pk).exists(),
        "audience": audience_of(collection, asker) if collection else "",
        "upload_to": here.order_by("created_at").first(),
        "can_manage": collection is not None
        and managed.filter(pk=collection.pk).exists(),
        "new_collection": CollectionForm(auto_id="new_%s"),
        "accept": ",".join([*SUPPORTED, ".zip"]),
        "max_upload_mb": settings.MAX_UPLOAD_MB,
        "url_import": settings.URL_IMPORT,
    }


def _is_uuid(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True


def _attempt(request: HttpRequest, act: Any, asker: Asker, pk: str) -> int:
    try:
        act(asker, UUID(pk))
    except (RagError, ValueError) as exc:
        messages.error(
            request, exc.message if isinstance(exc, RagError) else "Unknown document."
        )
        return 0
    return 1


def _back(request: HttpRequest) -> HttpResponse:
    target = request.POST.get("next", "")
    is_ours = url_has_allowed_host_and_scheme(target, allowed_hosts=None)
    # Not redirect(): it would take a bare word for the name of a page.
    return HttpResponseRedirect(target if target and is_ours else "/documents")
