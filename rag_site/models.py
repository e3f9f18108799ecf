"""People, their keys, and the record of what was done."""

from __future__ import annotations

import uuid

from django.contrib.auth.models import AbstractUser
from django.contrib.postgres.fields import ArrayField
from django.db import models


class User(AbstractUser):
    class Theme(models.TextChoices):
        SYSTEM = "system", "Follow the system"
        LIGHT = "light", "Light"
        DARK = "dark", "Dark"

    theme = models.CharField(max_length=8, choices=Theme.choices, default=Theme.SYSTEM)


class ApiKey(models.Model):
    """A credential for integrations; only the SHA-256 of the secret is kept."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(User, models.CASCADE, related_name="api_keys")
    name = models.CharField(max_length=100)
    # The first characters of the key, shown so that a person can tell keys apart.
    prefix = models.CharField(max_length=16, unique=True)
    # SHA-256, hexadecimal. The secret has 256 random bits, so a slow hash would
    # add cost and no strength.
    digest = models.CharField(max_length=64, unique=True)
    scopes = ArrayField(models.CharField(max_length=16))
    # Empty: all collections that the user may see.
    collections = models.ManyToManyField("ingestion.Collection", blank=True)
    expires_at = models.DateTimeField()
    last_used_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    # True when `collections` limits the key. A flag of its own, so that deleting
    # the last collection of a limited key does not open it to everything.
    is_limited = models.BooleanField(default=False)

    class Meta:
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"


class OneTimeLink(models.Model):
    """A link that works once, such as the one that makes the first administrator."""

    class Purpose(models.TextChoices):
        FIRST_ADMIN = "first_admin", "First administrator"

    purpose = models.CharField(max_length=20, choices=Purpose.choices)
    digest = models.CharField(max_length=64, unique=True)
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return self.purpose


class AuditEvent(models.Model):
    """Who did what to which object, when, from where. Never changed, never deleted."""

    at = models.DateTimeField(auto_now_add=True, db_index=True)
    # A number and a name, not a foreign key: the record outlives the person.
    user_id = models.BigIntegerField(null=True)
    user_name = models.CharField(max_length=150, blank=True)
    via = models.CharField(max_length=8)
    address = models.GenericIPAddressField(null=True)
    action = models.CharField(max_length=60)
    object_kind = models.CharField(max_length=40, blank=True)
    object_id = models.CharField(max_length=64, blank=True)
    detail = models.JSONField(default=dict)
    reference = models.CharField(max_length=16, blank=True)

    class Meta:
        ordering = ["-at"]

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M} {self.user_name} {self.action}"


class RepeatableRequest(models.Model):
    """What a request with an Idempotency-Key made, kept for a day."""

    user = models.ForeignKey(User, models.CASCADE)
    key = models.CharField(max_length=200)
    path = models.CharField(max_length=300)
    # SHA-256 of the validated request.
    digest = models.CharField(max_length=64)
    # Ids and outcomes for the response; None while the first request is at work.
    made = models.JSONField(null=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["user", "key", "path"], name="repeatable_request_once"
            )
        ]

    def __str__(self) -> str:
        return self.path
