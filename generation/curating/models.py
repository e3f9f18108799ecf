"""What curators keep: runs of golden answers, approvals, questions they dealt with."""

from __future__ import annotations

import uuid

from django.conf import settings
from django.db import models


class AnswerRun(models.Model):
    """The golden answers of a collection, asked once, one after the other."""

    class State(models.TextChoices):
        QUEUED = "queued", "Waiting"
        RUNNING = "running", "Running"
        DONE = "done", "Finished"
        STOPPED = "stopped", "Stopped"
        FAILED = "failed", "Broken off"

    SETTLED = (State.DONE, State.STOPPED, State.FAILED)

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    collection = models.ForeignKey(
        "ingestion.Collection", models.CASCADE, related_name="answer_runs"
    )
    state = models.CharField(max_length=8, choices=State.choices, default=State.QUEUED)
    # generation.curating.golden_running.configuration; empty until the first question.
    config = models.JSONField(default=dict)
    # generation.curating.measuring.figures, once it is settled.
    figures = models.JSONField(default=dict)
    # Whose rights apply.
    run_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True
    )
    stop_requested = models.BooleanField(default=False)
    # Counted up by each claim; every write of a worker demands the one it got.
    attempt = models.PositiveIntegerField(default=0)
    # Claims since the last answer.
    tries = models.PositiveIntegerField(default=0)
    # Renewed while a question is answered; past it, the worker is dead.
    lease_until = models.DateTimeField(null=True, blank=True)
    failure_message = models.CharField(max_length=500, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-created_at", "id"]
        indexes = [
            models.Index(fields=["collection", "-created_at"], name="answer_run_latest")
        ]

    def __str__(self) -> str:
        return f"{self.created_at:%Y-%m-%d %H:%M} {self.state}"


class RunAnswer(models.Model):
    """One question of a run: what was right then, and what was answered.

    It holds no text of documents: sources are spans, read inside the reader's
    rights. The answer itself is kept, as an answer in a chat is.
    """

    run = models.ForeignKey(AnswerRun, models.CASCADE, related_name="answers")
    ordinal = models.PositiveIntegerField()
    question = models.TextField()
    # As in retrieval.models.GoldenAnswer.
    accepted = models.JSONField(default=list)
    # Ids of the documents that hold the answer, where a golden passage tells.
    contexts = models.JSONField(default=list)
    # Null: not asked yet.
    answered_at = models.DateTimeField(null=True, blank=True)
    text = models.TextField(blank=True)
    is_refused = models.BooleanField(default=False)
    # Answer.Outcome
    outcome = models.CharField(max_length=20, blank=True)
    # Best overlap with an accepted wording, 0 to 1; null where there is none.
    f1 = models.FloatField(null=True)
    exact_match = models.FloatField(null=True)
    # One a sentence (Citation.Verdict).
    verdicts = models.JSONField(default=list)
    # n, document, version, page, start, end and is_cited of each passage shown.
    sources = models.JSONField(default=list)
    seconds = models.FloatField(default=0)
    prompt_tokens = models.PositiveIntegerField(default=0)
    answer_tokens = models.PositiveIntegerField(default=0)
    # That the documents hold an answer, 0 to 1; null where the model tells none.
    confidence = models.FloatField(null=True)
    # Code of the error that kept it from being answered.
    failure_code = models.CharField(max_length=40, blank=True)

    class Meta:
        ordering = ["run", "ordinal"]
        constraints = [
            models.UniqueConstraint(fields=["run", "ordinal"], name="run_answer_once")
        ]

    def __str__(self) -> str:
        return f"{self.ordinal} {self.outcome}"


class Approval(models.Model):
    """An answer that a curator calls right as it is written."""

    answer = models.OneToOneField(
        "generation.Answer", models.CASCADE, related_name="approval"
    )
    collection = models.ForeignKey("ingestion.Collection", models.CASCADE)
    approved_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True
    )
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return str(self.answer_id)


class InboxMark(models.Model):
    """A curator dealt with a question; asked again after ``done_at``, it is open."""

    collection = models.ForeignKey("ingestion.Collection", models.CASCADE)
    # generation.curating.grouping.key_of: of all questions that ask the same.
    key = models.CharField(max_length=64)
    done_at = models.DateTimeField()
    done_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["collection", "key"], name="inbox_mark_once"
            )
        ]

    def __str__(self) -> str:
        return self.key
