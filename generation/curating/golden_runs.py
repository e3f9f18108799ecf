"""The rows of runs of golden answers: begun, claimed, written, ended.

A run is a row that workers look for, as a document is (ingestion.leasing): a claim
counts ``attempt`` up and sets a lease, which is renewed while a question is
answered. A worker that dies leaves its answers behind, and the next one goes on
with the question after them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.utils import timezone

from generation.curating.measuring import figures
from generation.curating.models import AnswerRun, RunAnswer
from generation.evaluating.scoring import Outcome, exact_match, f1
from generation.gathering import Gathered
from ingestion.models import Collection
from rag_site.asking import Asker
from rag_site.errors import Conflict, NotFound
from retrieval.models import GoldenAnswer, GoldenQuestion

State = AnswerRun.State
#: How long a worker may be silent before it counts as dead.
LEASE = timedelta(seconds=30)
#: Claims without an answer after which a run is given up.
MAX_TRIES = 5
#: Runs of a collection that are kept; older ones go when another is begun.
KEPT = 30


class NoGoldenAnswers(Conflict):
    """This collection has no golden answers yet. Save one first."""

    code = "no_golden_answers"


class RunUnderWay(Conflict):
    """The golden answers of this collection are being asked already."""

    code = "run_under_way"


class RunReplaced(Exception):
    """Somebody else has the run, or it has ended; this worker must leave it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A run to work on, and the token that every write must carry."""

    run: AnswerRun
    attempt: int


def start(asker: Asker, collection: Collection) -> AnswerRun:
    """Add a run of what is golden now; a worker finds it.

    Raises:
        NoGoldenAnswers, RunUnderWay
    """
    with transaction.atomic():
        # Locked, so that two curators at once do not begin two.
        Collection.objects.select_for_update().get(pk=collection.pk)
        runs = AnswerRun.objects.filter(collection=collection)
        if runs.exclude(state__in=AnswerRun.SETTLED).exists():
            raise RunUnderWay
        golden = list(GoldenAnswer.objects.filter(collection=collection))
        if not golden:
            raise NoGoldenAnswers
        run = AnswerRun.objects.create(collection=collection, run_by_id=asker.user_id)
        contexts = _contexts(collection)
        RunAnswer.objects.bulk_create(
            RunAnswer(
                run=run,
                ordinal=ordinal,
                question=row.question,
                accepted=row.accepted,
                contexts=contexts[row.question],
            )
            for ordinal, row in enumerate(golden, 1)
        )
        runs.filter(pk__in=[old.pk for old in runs[KEPT:]]).delete()
    return run


def _contexts(collection: Collection) -> dict[str, list[str]]:
    """Return the documents that hold the answer, by question."""
    found: dict[str, set[str]] = defaultdict(set)
    rows = GoldenQuestion.objects.filter(collection=collection)
    for question, document in rows.values_list("question", "document_id"):
        found[question].add(str(document))
    return defaultdict(list, {text: sorted(ids) for text, ids in found.items()})


def get_run(collection: Collection, pk: UUID) -> AnswerRun:
    """Raises NotFound."""
    run = AnswerRun.objects.filter(collection=collection, pk=pk).first()
    if run is None:
        raise NotFound
    return run


def request_stop(collection: Collection, pk: UUID) -> None:
    """Ask the worker to end the run, or end it if nobody has it. Harmless afterwards."""
    run = get_run(collection, pk)
    with transaction.atomic():
        rows = AnswerRun.objects.select_for_update().filter(pk=run.pk)
        rows.exclude(state__in=AnswerRun.SETTLED).update(stop_requested=True)
        if rows.filter(_free(), state__in=(State.QUEUED, State.RUNNING)).exists():
            _settle(rows, State.STOPPED)


def is_any_waiting() -> bool:
    return _waiting().exists()


def claim_next() -> Claim | None:
    """Take the run that waits longest. One at a time: seconds are a lone asker's."""
    now = timezone.now()
    with transaction.atomic():
        if AnswerRun.objects.filter(state=State.RUNNING, lease_until__gte=now).exists():
            return None
        rows = _waiting().order_by("created_at", "id")
        run = rows.select_for_update(skip_locked=True, of=("self",)).first()
        return _claim(run) if run else None


def claim(run: AnswerRun) -> Claim | None:
    """Take this run if nobody has it."""
    with transaction.atomic():
        found = _waiting().filter(pk=run.pk).select_for_update().first()
        return _claim(found) if found else None


def _waiting() -> QuerySet[AnswerRun]:
    return AnswerRun.objects.filter(_free(), state__in=(State.QUEUED, State.RUNNING))


def _free() -> Q:
    return Q(lease_until__isnull=True) | Q(lease_until__lt=timezone.now())


def _claim(run: AnswerRun) -> Claim | None:
    rows = AnswerRun.objects.filter(pk=run.pk)
    if run.tries >= MAX_TRIES:
        told = (
            f"It broke off {MAX_TRIES} times without an answer. {run.failure_message}"
        )
        _settle(rows, State.FAILED, failure_message=told.strip()[:500])
        return None
    rows.update(
        state=State.RUNNING,
        attempt=F("attempt") + 1,
        tries=F("tries") + 1,
        lease_until=timezone.now() + LEASE,
    )
    run.refresh_from_db()
    return Claim(run=run, attempt=run.attempt)


def _held(claim: Claim) -> QuerySet[AnswerRun]:
    return AnswerRun.objects.filter(
        pk=claim.run.pk, attempt=claim.attempt, state=State.RUNNING
    )


def pulse(claim: Claim) -> bool:
    """Renew the lease; True if the work must end: it was stopped, or is another's."""
    _held(claim).update(lease_until=timezone.now() + LEASE)
    return not _held(claim).filter(stop_requested=False).exists()


def keep_config(claim: Claim, config: Mapping[str, Any]) -> None:
    """Raises RunReplaced."""
    _change(claim, config=config)


def answered(claim: Claim, row: RunAnswer, made: Gathered) -> None:
    """Keep one answer. Raises RunReplaced."""
    end = made.end
    row.text, row.is_refused, row.outcome = end.text, end.refused, end.outcome
    row.verdicts = [citation.verdict for citation in made.citations]
    row.sources = _sources(made)
    row.seconds = round(made.seconds, 3)
    row.prompt_tokens = round(end.timings.get("prompt_tokens", 0))
    row.answer_tokens = round(end.timings.get("answer_tokens", 0))
    row.confidence = made.confidence
    if row.accepted:
        said = "" if end.refused else end.text
        row.f1, row.exact_match = (
            f1(said, row.accepted),
            exact_match(said, row.accepted),
        )
    _keep(claim, row)


def failed(claim: Claim, row: RunAnswer, code: str) -> None:
    """Keep that a question could not be answered, which counts as an empty answer.

    Raises:
        RunReplaced
    """
    row.failure_code = code
    if row.accepted:
        row.f1 = row.exact_match = 0.0
    _keep(claim, row)


def _keep(claim: Claim, row: RunAnswer) -> None:
    row.answered_at = timezone.now()
    with transaction.atomic():
        _change(claim, tries=0, failure_message="")
        row.save()


def _sources(made: Gathered) -> list[dict[str, Any]]:
    cited = {source.n for source in made.cited}
    return [
        {
            "n": source.n,
            "document": str(source.document_id),
            "version": str(source.version_id),
            "page": source.page,
            "start": source.start,
            "end": source.end,
            "is_cited": source.n in cited,
        }
        for source in made.sources
    ]


def give_back(claim: Claim, reason: str = "") -> None:
    """Leave the run to the next worker; ``reason`` is shown while it waits."""
    _held(claim).update(lease_until=None, failure_message=reason[:500])


def finish(claim: Claim) -> None:
    """Settle a run that is through, or that was stopped; what it has is kept."""
    is_through = not claim.run.answers.filter(answered_at=None).exists()
    _settle(_held(claim), State.DONE if is_through else State.STOPPED)


def give_up(claim: Claim, reason: str) -> None:
    _settle(_held(claim), State.FAILED, failure_message=reason[:500])


def _settle(rows: QuerySet[AnswerRun], state: str, **columns: Any) -> None:
    run = rows.first()
    if run is not None:
        outcomes = [outcome_of(row) for row in run.answers.exclude(answered_at=None)]
        rows.update(
            state=state,
            figures=figures(outcomes) if outcomes else {},
            lease_until=None,
            finished_at=timezone.now(),
            **columns,
        )


def _change(claim: Claim, **columns: Any) -> None:
    if not _held(claim).update(lease_until=timezone.now() + LEASE, **columns):
        raise RunReplaced


def outcome_of(row: RunAnswer) -> Outcome:
    return Outcome(
        gold=tuple(row.accepted),
        answer=row.text,
        is_refused=row.is_refused,
        contexts=frozenset(row.contexts),
        cited=frozenset(s["document"] for s in row.sources if s["is_cited"]),
        verdicts=tuple(row.verdicts),
        seconds=row.seconds,
        prompt_tokens=row.prompt_tokens,
        answer_tokens=row.answer_tokens,
        confidence=row.confidence,
        has_failed=bool(row.failure_code),
    )
