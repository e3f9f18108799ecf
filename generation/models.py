"""Conversations, answers and what each answer rests on."""

from __future__ import annotations

import uuid

from django.conf import settings
from django.contrib.postgres.indexes import GinIndex
from django.db import models

from generation.curating import models as curating_models  # noqa: F401 - Django looks here


class Conversation(models.Model):
    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, related_name="conversations"
    )
    title = models.CharField(max_length=200, blank=True)
    # Empty: every collection that the user may see when asking.
    collections = models.ManyToManyField("ingestion.Collection", blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)
    # Deleting can be undone until the sweeper removes the row.
    deleted_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-updated_at"]

    def __str__(self) -> str:
        return str(self.id)


class Answer(models.Model):
    """A question and what came of it."""

    class State(models.TextChoices):
        QUEUED = "queued", "Waiting"
        SEARCHING = "searching", "Searching"
        READING = "reading", "Reading"
        WAITING = "waiting", "In line"
        WRITING = "writing", "Writing"
        DONE = "done", "Finished"
        STOPPED = "stopped", "Stopped"
        FAILED = "failed", "Failed"
        INTERRUPTED = "interrupted", "Interrupted"

    class Outcome(models.TextChoices):
        ANSWERED = "answered", "Answered"
        PARTLY = "partly", "Partly answered"
        NOT_IN_DOCUMENTS = "not_in_documents", "Not in your documents"

    SETTLED = (State.DONE, State.STOPPED, State.FAILED, State.INTERRUPTED)
    BROKEN = (State.FAILED, State.INTERRUPTED)

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    conversation = models.ForeignKey(
        Conversation, models.CASCADE, related_name="answers"
    )
    # Collections asked, as strings; empty: all that the asker could see.
    collections = models.JSONField(default=list)
    # The same with every collection named: whose curators learn of the question.
    asked_of = models.JSONField(default=list)
    question = models.TextField()
    # The question as searched: follow-ups are made to stand alone.
    standalone_question = models.TextField(blank=True)
    text = models.TextField(blank=True)
    state = models.CharField(max_length=12, choices=State.choices, default=State.QUEUED)
    is_refused = models.BooleanField(default=False)
    outcome = models.CharField(max_length=20, choices=Outcome.choices, blank=True)
    # Names and numbers of the question that no passage of the prompt holds.
    missing = models.JSONField(default=list)
    # What made the answer, beside the columns: generation.receipts.
    receipt = models.JSONField(default=dict)
    stop_requested = models.BooleanField(default=False)
    # The process that writes renews this; past it, the answer was interrupted.
    lease_until = models.DateTimeField(null=True, blank=True)
    via = models.CharField(max_length=8, default="web")
    prompt_version = models.CharField(max_length=40, blank=True)
    model_name = models.CharField(max_length=120, blank=True)
    model_digest = models.CharField(max_length=64, blank=True)
    embedder_digest = models.CharField(max_length=64, blank=True)
    # temperature, seed, max_tokens and the like, as sent to the model server.
    parameters = models.JSONField(default=dict)
    # Milliseconds by stage, tokens by kind.
    timings = models.JSONField(default=dict)
    # Codes and messages shown with the answer (context left out, ...).
    notices = models.JSONField(default=list)
    failure_code = models.CharField(max_length=40, blank=True)
    failure_message = models.CharField(max_length=500, blank=True)
    failure_reference = models.CharField(max_length=16, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["created_at", "id"]
        indexes = [
            models.Index(
                fields=["conversation", "created_at"], name="answer_in_conversation"
            ),
            GinIndex(
                fields=["asked_of"],
                name="answer_asked_of",
                opclasses=["jsonb_path_ops"],
            ),
        ]

    def __str__(self) -> str:
        return str(self.id)


class AnswerEvent(models.Model):
    """One event of a running answer, kept so that a reader can resume.

    Source events hold spans, never text of documents: quotes are read through
    the asker's rights when the event is sent.
    """

    id = models.BigAutoField(primary_key=True)
    answer = models.ForeignKey(Answer, models.CASCADE, related_name="events")
    sequence = models.PositiveIntegerField()
    kind = models.CharField(max_length=12)
    data = models.JSONField()

    class Meta:
        ordering = ["answer", "sequence"]
        constraints = [
            models.UniqueConstraint(
                fields=["answer", "sequence"], name="answer_event_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.sequence} {self.kind}"


class Source(models.Model):
    """A passage that was in the prompt, numbered as the reader sees it.

    Holds a span and no text: the quote is read from the version's pages inside
    the reader's rights, so a deleted or withdrawn document takes it along.
    """

    answer = models.ForeignKey(Answer, models.CASCADE, related_name="sources")
    n = models.PositiveIntegerField()
    version = models.ForeignKey("ingestion.DocumentVersion", models.SET_NULL, null=True)
    start = models.PositiveIntegerField()
    end = models.PositiveIntegerField()
    page = models.PositiveIntegerField()
    score = models.FloatField()
    dense_rank = models.PositiveIntegerField(null=True)
    lexical_rank = models.PositiveIntegerField(null=True)
    # False: a nearest passage of a refusal, shown but not sent to the model.
    in_prompt = models.BooleanField(default=True)
    is_cited = models.BooleanField(default=False)

    class Meta:
        ordering = ["answer", "n"]
        constraints = [
            models.UniqueConstraint(fields=["answer", "n"], name="source_number_once")
        ]

    def __str__(self) -> str:
        return f"[{self.n}]"


class Citation(models.Model):
    """A sentence of an answer tied to the sources it names."""

    class Verdict(models.TextChoices):
        SUPPORTED = "supported", "Supported by its source"
        PARTLY = "partly", "Partly supported"
        UNSUPPORTED = "unsupported", "Not supported by the documents"

    answer = models.ForeignKey(Answer, models.CASCADE, related_name="citations")
    # Span in Answer.text, in characters.
    start = models.PositiveIntegerField()
    end = models.PositiveIntegerField()
    # Numbers of the sources, ascending.
    sources = models.JSONField(default=list)
    verdict = models.CharField(max_length=12, choices=Verdict.choices)

    class Meta:
        ordering = ["answer", "start"]

    def __str__(self) -> str:
        return f"{self.start}-{self.end} {self.verdict}"


class Evidence(models.Model):
    """The words of a source that bear a sentence: a span of a version, and its page.

    Like a source it holds no text, so a withdrawn document takes its words along.
    """

    citation = models.ForeignKey(Citation, models.CASCADE, related_name="evidence")
    source = models.ForeignKey(Source, models.CASCADE)
    page = models.PositiveIntegerField()
    start = models.PositiveIntegerField()
    end = models.PositiveIntegerField()

    class Meta:
        ordering = ["citation", "source"]

    def __str__(self) -> str:
        return f"{self.start}-{self.end}"


class Feedback(models.Model):
    class Rating(models.TextChoices):
        UP = "up", "Helpful"
        DOWN = "down", "Not helpful"

    answer = models.OneToOneField(Answer, models.CASCADE, related_name="feedback")
    rating = models.CharField(max_length=4, choices=Rating.choices)
    reason = models.CharField(max_length=40, blank=True)
    comment = models.TextField(blank=True, max_length=2000)
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return self.rating
