"""Why this passage: what each ranking said, and questions to hold a change against."""

from __future__ import annotations

import shlex
import time
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from ingestion.models import Collection
from rag_site.asking import Asker, asker_of_request
from rag_site.errors import Conflict, InvalidInput, NotFound, Unavailable
from retrieval import golden
from retrieval.explaining import curated_collection, explain, removed_by_rights
from retrieval.forms import ConfigForm, QuestionForm, SaveForm
from retrieval.framing import frame
from retrieval.models import GoldenQuestion

# A page must not be waited for longer; the command takes the time it needs.
_RUN_S = 20
# What a person can mend, or wait for, on the page itself.
_SHOWN = (InvalidInput, Conflict, Unavailable)


@require_GET
def why(request: HttpRequest, pk: UUID) -> HttpResponse:
    asker = asker_of_request(request)
    collection = curated_collection(asker, pk)
    forms = _forms(request.GET)
    context = {
        **frame(asker, collection),
        **forms,
        "question": "",
        "sides": [],
        **_golden(collection),
    }
    if all(form.is_valid() for form in forms.values()):
        context |= _found(asker, collection, forms)
    status = 422 if "problem" in context or _is_wrong(forms) else 200
    return render(request, "retrieval/why.html", context, status=status)


@require_POST
def save_golden(request: HttpRequest, pk: UUID) -> HttpResponse:
    asker = asker_of_request(request)
    collection = curated_collection(asker, pk)
    form = SaveForm(request.POST)
    if not form.is_valid():
        raise NotFound
    try:
        golden.save(
            asker,
            collection,
            question=form.cleaned_data["q"],
            chunk_id=form.cleaned_data["chunk"],
        )
    except (Conflict, InvalidInput) as problem:
        messages.error(request, problem.message)
    else:
        messages.success(request, "Saved as the right passage of this question.")
    return _back(request, pk)


@require_POST
def remove_golden(request: HttpRequest, pk: UUID, golden_id: UUID) -> HttpResponse:
    collection = curated_collection(asker_of_request(request), pk)
    golden.remove(collection, golden_id)
    messages.success(request, "Removed.")
    return _back(request, pk, "#golden")


@require_POST
def run_golden(request: HttpRequest, pk: UUID) -> HttpResponse:
    asker = asker_of_request(request)
    collection = curated_collection(asker, pk)
    form = ConfigForm(request.POST, prefix="a")
    if not form.is_valid():
        raise InvalidInput
    deadline = time.monotonic() + _RUN_S
    try:
        golden.run(
            asker,
            collection,
            form.config(),
            label=form.chosen,
            is_late=lambda: time.monotonic() > deadline,
        )
    except golden.GoldenTooSlow:
        # Somebody else may have chosen the name, and this is pasted into a shell.
        name = f"manage.py evaluate golden --collection {shlex.quote(collection.name)}"
        messages.error(
            request,
            f"The set did not end within {_RUN_S} s, so nothing was kept. Run it with "
            f"{name}.",
        )
    except _SHOWN as problem:
        messages.error(request, problem.message)
    return _back(request, pk, "#golden")


def _forms(data: QueryDict) -> dict[str, Any]:
    bound = _filled(data) if "q" in data else None
    return {
        "form": QuestionForm(bound),
        "first": ConfigForm(bound, prefix="a"),
        "second": ConfigForm(bound, prefix="b"),
    }


def _filled(data: QueryDict) -> QueryDict:
    """Return the query with the site's values where it names none."""
    filled = data.copy()
    for prefix in ("a", "b"):
        for name, value in ConfigForm.defaults().items():
            filled.setdefault(f"{prefix}-{name}", str(value))
    return filled


def _is_wrong(forms: dict[str, Any]) -> bool:
    return any(form.errors for form in forms.values())


def _found(
    asker: Asker, collection: Collection, forms: dict[str, Any]
) -> dict[str, Any]:
    asked = forms["form"].cleaned_data
    if not asked["q"]:
        return {}
    configs = [forms["first"].config()]
    if asked["compare"]:
        configs.append(forms["second"].config())
    try:
        sides = explain(asked["q"], asker, collection, configs)
    except (*_SHOWN, NotFound) as problem:
        return {"problem": problem.message, "question": asked["q"]}
    names = ("First", "Second") if len(sides) > 1 else ("Passages found",)
    return {
        "question": asked["q"],
        "sides": list(zip(names, sides, strict=True)),
        "hidden": removed_by_rights(asker, collection),
        "known": _known(collection, asked["q"]),
    }


def _known(collection: Collection, question: str) -> list[GoldenQuestion]:
    """Return the right passages that are saved for this question."""
    plain = " ".join(question.split())
    rows = GoldenQuestion.objects.filter(collection=collection, question=plain)
    return list(rows.select_related("document"))


def _golden(collection: Collection) -> dict[str, Any]:
    """Return the golden set with the places of the last run and the one before."""
    runs = golden.last_runs(collection)
    last, before = (*runs, None, None)[:2]
    rows = GoldenQuestion.objects.filter(collection=collection)
    return {
        "last": last,
        "before": before,
        "golden_rows": [
            {
                "golden": row,
                "is_run": last is not None and str(row.pk) in last.places,
                "place": last.places.get(str(row.pk)) if last else None,
                "was_run": before is not None and str(row.pk) in before.places,
                "place_before": before.places.get(str(row.pk)) if before else None,
            }
            for row in rows.select_related("document")
        ],
    }


def _back(request: HttpRequest, pk: UUID, anchor: str = "") -> HttpResponse:
    """Return to the same question and configurations."""
    query = request.POST.get("back", "")
    address = reverse("why", args=[pk])
    kept = QueryDict(query[:10_000]).urlencode()
    return redirect(f"{address}?{kept}{anchor}" if kept else f"{address}{anchor}")
