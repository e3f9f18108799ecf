"""Rows that exist only while a long file is being read (ingestion.checkpoints)."""

from __future__ import annotations

from datetime import timedelta

from django.db import models
from pgvector.django import HalfVectorField


class Checkpoint(models.Model):
    """How far the reading of a long file is: what a worker that dies leaves behind.

    Written and removed by ingestion.checkpoints; gone once the document is read.
    """

    version = models.OneToOneField(
        "ingestion.DocumentVersion",
        models.CASCADE,
        primary_key=True,
        related_name="checkpoint",
    )
    # Pages of another parser are never gone on with.
    parser_version = models.CharField(max_length=40)
    # Set when all pages are here; title and notices are known only then.
    is_parsed = models.BooleanField(default=False)
    title = models.TextField(blank=True)
    notices = models.JSONField(default=list)
    # Work of all attempts so far, for the estimate of what is left.
    worked = models.DurationField(default=timedelta)

    def __str__(self) -> str:
        return f"checkpoint of version {self.version_id}"


class CheckpointPage(models.Model):
    """A page as parsed (ingestion.types.PageText)."""

    checkpoint = models.ForeignKey(Checkpoint, models.CASCADE, related_name="pages")
    number = models.PositiveIntegerField()
    text = models.TextField(blank=True)
    label = models.TextField(blank=True)
    blocks = models.JSONField(default=list)
    width = models.FloatField(default=0)
    height = models.FloatField(default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["checkpoint", "number"], name="checkpoint_page_once"
            )
        ]

    def __str__(self) -> str:
        return f"checkpoint of page {self.number}"


class CheckpointVector(models.Model):
    """The vector of a text that has no chunk yet, by the digest the chunk will have."""

    checkpoint = models.ForeignKey(Checkpoint, models.CASCADE, related_name="vectors")
    space = models.ForeignKey("ingestion.EmbeddingSpace", models.CASCADE)
    text_digest = models.CharField(max_length=64)
    vector = HalfVectorField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["checkpoint", "space", "text_digest"],
                name="checkpoint_vector_once",
            )
        ]

    def __str__(self) -> str:
        return f"checkpoint of text {self.text_digest[:8]}"
