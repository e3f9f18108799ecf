"""Single documents given to somebody to read (ingestion.sharing)."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q


class Share(models.Model):
    """One document that a user or a group may read without being a member."""

    document = models.ForeignKey(
        "ingestion.Document", models.CASCADE, related_name="shares"
    )
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, null=True, blank=True
    )
    group = models.ForeignKey("auth.Group", models.CASCADE, null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(user__isnull=False, group__isnull=True)
                | Q(user__isnull=True, group__isnull=False),
                name="share_with_a_user_or_a_group",
            ),
            models.UniqueConstraint(
                fields=["document", "user"], name="share_once_per_user"
            ),
            models.UniqueConstraint(
                fields=["document", "group"], name="share_once_per_group"
            ),
        ]

    def __str__(self) -> str:
        return str(self.user or self.group)
