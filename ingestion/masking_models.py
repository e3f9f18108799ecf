"""The setting of a collection that says where items of people are masked."""

from __future__ import annotations

from django.db import models


class Masking(models.TextChoices):
    """Each includes the ones before it (docs/adr/0026)."""

    OFF = "off", "Show everything"
    ANSWERS = "answers", "Mask them in answers"
    DOCUMENTS = "documents", "Mask them when documents are read, and in answers"
