"""Questions with the passage and the words that answer them, and how well searches did."""

from __future__ import annotations

import uuid

from django.conf import settings
from django.db import models
from django.db.models.functions import MD5


class GoldenQuestion(models.Model):
    """A question of a collection and a passage that answers it.

    The passage is kept as words, not as a chunk or a span: both change when the
    document is read again, cut otherwise or replaced by a new version. It goes
    with its document. A question may have several right passages, each a row.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    collection = models.ForeignKey(
        "ingestion.Collection", models.CASCADE, related_name="golden_questions"
    )
    # Filters included, as it was typed.
    question = models.TextField()
    document = models.ForeignKey("ingestion.Document", models.CASCADE)
    passage = models.TextField()
    # Where the passage stood when it was saved, for people only.
    page = models.PositiveIntegerField(default=1)
    added_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["created_at", "id"]
        constraints = [
            # Digests, because a passage may be longer than an index entry.
            models.UniqueConstraint(
                "collection",
                "document",
                MD5("question"),
                MD5("passage"),
                name="golden_passage_once",
            )
        ]

    def __str__(self) -> str:
        return str(self.id)


class GoldenAnswer(models.Model):
    """A question of a collection and what a right answer to it says.

    Words and no span: it outlives the documents, as an answer in a chat does.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    collection = models.ForeignKey(
        "ingestion.Collection", models.CASCADE, related_name="golden_answers"
    )
    # Filters included, as it was typed.
    question = models.TextField()
    # Wordings, each of which is right. None: the documents do not hold the answer,
    # and to say so is right.
    accepted = models.JSONField(default=list)
    added_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["created_at", "id"]
        constraints = [
            models.UniqueConstraint(
                "collection", MD5("question"), name="golden_answer_once"
            )
        ]

    def __str__(self) -> str:
        return str(self.id)


class GoldenRun(models.Model):
    """All golden questions of a collection, searched once."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    collection = models.ForeignKey(
        "ingestion.Collection", models.CASCADE, related_name="golden_runs"
    )
    # What differed from the site's configuration, and the embedder that was live.
    config = models.JSONField(default=dict)
    embedder = models.CharField(max_length=120, blank=True)
    embedder_digest = models.CharField(max_length=64, blank=True)
    questions = models.PositiveIntegerField()
    # Means over the questions, 0 to 1.
    recall_at_5 = models.FloatField()
    mrr = models.FloatField()
    seconds = models.FloatField()
    # Rank of the first hit that is right, by id of the golden question; null
    # where it was not among the hits.
    places = models.JSONField(default=dict)
    run_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-created_at", "id"]
        indexes = [
            models.Index(fields=["collection", "-created_at"], name="golden_run_latest")
        ]

    def __str__(self) -> str:
        return f"{self.questions} questions, recall@5 {self.recall_at_5:.3f}"
