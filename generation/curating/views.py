"""Golden answers, their runs and what may be exported: pages for curators."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import content_disposition_header
from django.views.decorators.http import require_GET, require_POST

from generation import tasks
from generation.curating import golden_runs, pairs
from generation.curating.comparing import Compared, Pair, compare_runs
from generation.curating.forms import GoldenAnswerForm, ImportForm, RunForm
from generation.curating.models import AnswerRun
from generation.curating.run_pages import (
    key_lines,
    lines_of,
    runs_of,
    shown,
    threshold_of,
)
from ingestion.models import Collection
from ingestion.uploads import one_line
from rag_site.asking import asker_of_request
from rag_site.errors import Conflict, InvalidInput, NotFound, ValidationFailed
from retrieval import golden, golden_answers
from retrieval.explaining import curated_collection
from retrieval.framing import frame
from retrieval.models import GoldenAnswer

# What a person can mend on the page itself.
_MENDABLE = (InvalidInput, Conflict)
_ON_PAGE = 25
# Runs whose answers are looked through for a curve.
_FOR_CURVE = 5


@require_GET
def quality(request: HttpRequest, pk: UUID) -> HttpResponse:
    form = GoldenAnswerForm(initial={"question": request.GET.get("q", "")[:4000]})
    return _page(request, pk, form)


def _page(request: HttpRequest, pk: UUID, form: GoldenAnswerForm) -> HttpResponse:
    asker = asker_of_request(request)
    collection = curated_collection(asker, pk)
    runs = list(runs_of(collection))
    active = [run for run in runs if run.state not in AnswerRun.SETTLED]
    context = {
        **frame(asker, collection),
        "here": "answers",
        "form": form,
        "golden": list(GoldenAnswer.objects.filter(collection=collection)),
        "max_golden": golden_answers.MAX_ANSWERS,
        "runs": [(run, key_lines(run)) for run in runs],
        "active": active[0] if active else None,
        "threshold": threshold_of(runs[:_FOR_CURVE]),
        "pairs_on_page": pairs.ON_PAGE,
    }
    status = 422 if form.errors else 200
    return render(request, "generation/quality.html", context, status=status)


@require_POST
def save_golden_answer(request: HttpRequest, pk: UUID) -> HttpResponse:
    asker = asker_of_request(request)
    collection = curated_collection(asker, pk)
    form = GoldenAnswerForm(request.POST)
    if not form.is_valid():
        return _page(request, pk, form)
    try:
        golden_answers.save(
            collection,
            question=form.cleaned_data["question"],
            accepted=form.wordings(),
            added_by=asker.user_id,
        )
    except _MENDABLE as problem:
        form.add_error(None, problem.message)
        return _page(request, pk, form)
    messages.success(request, "Saved as golden.")
    return _back(pk, "#golden")


@require_POST
def remove_golden_answer(
    request: HttpRequest, pk: UUID, golden_id: UUID
) -> HttpResponse:
    collection = curated_collection(asker_of_request(request), pk)
    golden_answers.remove(collection, golden_id)
    messages.success(request, "Removed.")
    return _back(pk, "#golden")


@require_POST
def import_golden(request: HttpRequest, pk: UUID) -> HttpResponse:
    asker = asker_of_request(request)
    collection = curated_collection(asker, pk)
    form = ImportForm(request.POST, request.FILES)
    try:
        if not form.is_valid():
            raise ValidationFailed("Choose a file of JSON lines.")
        lines = _lines(form.cleaned_data["lines"])
        added, known = golden.imported(asker, collection, lines)
    except _MENDABLE as problem:
        messages.error(request, problem.message)
    else:
        messages.success(request, f"{added} imported, {known} known before.")
    return _back(pk, "#golden")


def _lines(file: Iterable[bytes]) -> Iterator[dict[str, Any]]:
    """Yield the objects of an uploaded file. Raises ValidationFailed."""
    for number, line in enumerate(file, 1):
        if line.strip():
            try:
                found = json.loads(line)
                # Half of a surrogate pair is JSON, and no text that can be stored.
                json.dumps(found, ensure_ascii=False).encode()
                yield found
            except (ValueError, RecursionError) as exc:
                raise ValidationFailed(f"Line {number} is not JSON.") from exc


@require_GET
def export_golden(request: HttpRequest, pk: UUID) -> HttpResponse:
    collection = curated_collection(asker_of_request(request), pk)
    return _as_lines(golden.exported(collection), f"golden {collection.name}.jsonl")


@require_POST
def export_pairs(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Return the newest pairs as a file; it goes on record, so it is no GET."""
    asker = asker_of_request(request)
    collection = curated_collection(asker, pk)
    found = pairs.exported(asker, collection, limit=pairs.ON_PAGE)
    return _as_lines(list(found), f"pairs {collection.name}.jsonl")


def _as_lines(rows: list[dict[str, Any]], name: str) -> HttpResponse:
    text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    response = HttpResponse(text, content_type="application/jsonl; charset=utf-8")
    header = content_disposition_header(True, one_line(name))
    response["Content-Disposition"] = header or "attachment"
    return response


@require_POST
def start_run(request: HttpRequest, pk: UUID) -> HttpResponse:
    asker = asker_of_request(request)
    collection = curated_collection(asker, pk)
    try:
        golden_runs.start(asker, collection)
    except _MENDABLE as problem:
        messages.error(request, problem.message)
    else:
        tasks.send_runs()
    return _back(pk, "#runs")


@require_POST
def stop_run(request: HttpRequest, pk: UUID, run_id: UUID) -> HttpResponse:
    collection = curated_collection(asker_of_request(request), pk)
    golden_runs.request_stop(collection, run_id)
    return _back(pk, "#runs")


@require_GET
def run_state(request: HttpRequest, pk: UUID, run_id: UUID) -> HttpResponse:
    """Return how far a run is; once it is settled, the page is to be shown anew."""
    collection = curated_collection(asker_of_request(request), pk)
    run = _run(collection, run_id)
    context = {"collection": collection, "active": run}
    response = render(request, "generation/_run_state.html", context)
    if run.state in AnswerRun.SETTLED:
        response["HX-Refresh"] = "true"
    return response


@require_GET
def run(request: HttpRequest, pk: UUID, run_id: UUID) -> HttpResponse:
    """Show a run beside another one: the finished one before it, or the chosen one."""
    asker = asker_of_request(request)
    collection = curated_collection(asker, pk)
    form = RunForm(request.GET)
    if not form.is_valid():
        raise NotFound
    second = _run(collection, run_id)
    others = list(runs_of(collection).exclude(pk=second.pk).exclude(figures={}))
    first = _against(second, others, form.cleaned_data["against"])
    compared = compare_runs(first, second) if first else None
    found = _pairs(second, compared, is_changed=form.cleaned_data["changed"])
    page = Paginator(found, _ON_PAGE).get_page(request.GET.get("page"))
    context = {
        **frame(asker, collection),
        "here": "answers",
        "run": second,
        "first": first,
        "others": others,
        "compared": compared,
        "lines": lines_of(second, first, compared),
        "page": page,
        "shown": shown(asker, page),
        "is_changed_only": form.cleaned_data["changed"],
        "active": None if second.state in AnswerRun.SETTLED else second,
    }
    return render(request, "generation/run.html", context)


def _run(collection: Collection, pk: UUID) -> AnswerRun:
    found = runs_of(collection).filter(pk=pk).first()
    if found is None:
        raise NotFound
    return found


def _against(
    second: AnswerRun, others: list[AnswerRun], wanted: UUID | None
) -> AnswerRun | None:
    """Raises NotFound for a run that is not there to compare with."""
    if wanted is not None:
        found = [run for run in others if run.pk == wanted]
        if not found:
            raise NotFound
        return found[0]
    before = [run for run in others if run.created_at < second.created_at]
    return before[0] if before else None


def _pairs(
    second: AnswerRun, compared: Compared | None, *, is_changed: bool
) -> list[Pair]:
    if compared is None:
        rows = second.answers.exclude(answered_at=None)
        return [Pair(second=row) for row in rows]
    return [pair for pair in compared.pairs if pair.is_changed or not is_changed]


@require_GET
def threshold(request: HttpRequest) -> HttpResponse:
    """Show staff the threshold in force, with the curve that was shipped."""
    if not getattr(request.user, "is_staff", False):
        raise NotFound
    context = {"threshold": threshold_of(()), "model": settings.MODEL}
    return render(request, "generation/threshold.html", context)


def _back(pk: UUID, anchor: str) -> HttpResponse:
    return redirect(f"{reverse('answer_quality', args=[pk])}{anchor}")
