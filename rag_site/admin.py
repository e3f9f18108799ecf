"""The administration: people, keys and the record of what was done."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.contrib.admin import ModelAdmin
from django.contrib.auth.admin import GroupAdmin, UserAdmin
from django.contrib.auth.models import Group
from django.db.models import Model, QuerySet
from django.http import HttpRequest

from rag_site import audit, keys
from rag_site.asking import Asker
from rag_site.models import ApiKey, AuditEvent, User


def admin_asker(request: HttpRequest) -> Asker:
    """Return the administrator as an asker, for the audit."""
    return Asker(user_id=request.user.pk or 0)


class Audited(ModelAdmin):  # type: ignore[type-arg]  # generic only to the type checker
    """Writes each change to the site's own audit as well as to Django's log."""

    def log_addition(self, request: HttpRequest, obj: Model, message: Any) -> Any:
        _record(request, obj, "added")
        return super().log_addition(request, obj, message)

    def log_change(self, request: HttpRequest, obj: Model, message: Any) -> Any:
        _record(request, obj, "changed")
        return super().log_change(request, obj, message)

    def log_deletions(self, request: HttpRequest, queryset: QuerySet[Any]) -> Any:
        for obj in queryset:
            _record(request, obj, "deleted")
        return super().log_deletions(request, queryset)


class ReadOnly(ModelAdmin):  # type: ignore[type-arg]  # generic only to the type checker
    """Shown, never written."""

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


def _record(request: HttpRequest, obj: Model, deed: str) -> None:
    kind = str(obj._meta.model_name)
    audit.record(
        f"{kind}.{deed}",
        asker=admin_asker(request),
        object_kind=kind,
        object_id=obj.pk,
        detail={"name": str(obj)[:200], "door": "admin"},
    )


# Only an administrator of everything hands out rights: with these fields open,
# anyone who may edit users could make themselves one.
_RIGHTS = ("is_staff", "is_superuser", "groups", "user_permissions")


@admin.register(User)
class PersonAdmin(Audited, UserAdmin):  # type: ignore[type-arg]  # generic only to the type checker
    list_display = ("username", "email", "is_active", "is_staff", "last_login")
    list_filter = ("is_active", "is_staff", "groups")

    def get_readonly_fields(
        self, request: HttpRequest, obj: User | None = None
    ) -> tuple[str, ...]:
        own = tuple(super().get_readonly_fields(request, obj))
        if request.user.is_superuser:
            return own
        return (*own, *_RIGHTS)

    def has_change_permission(
        self, request: HttpRequest, obj: User | None = None
    ) -> bool:
        # Also guards the form that sets a password.
        if obj is not None and obj.is_superuser and not request.user.is_superuser:
            return False
        return super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        is_above = isinstance(obj, User) and obj.is_superuser
        if is_above and not request.user.is_superuser:
            return False
        return super().has_delete_permission(request, obj)


admin.site.unregister(Group)


@admin.register(Group)
class TeamAdmin(Audited, GroupAdmin):
    def get_readonly_fields(
        self, request: HttpRequest, obj: Group | None = None
    ) -> tuple[str, ...]:
        # What a group may, everybody in it may: it is one of ``_RIGHTS``.
        own = tuple(super().get_readonly_fields(request, obj))
        return own if request.user.is_superuser else (*own, "permissions")


@admin.register(ApiKey)
class ApiKeyAdmin(ReadOnly):
    """Keys by their visible prefix; the secret is nowhere to be shown."""

    list_display = (
        "prefix",
        "name",
        "user",
        "scopes",
        "expires_at",
        "last_used_at",
        "revoked_at",
    )
    list_filter = ("revoked_at", "expires_at")
    search_fields = ("prefix", "name", "user__username")
    list_select_related = ("user",)
    exclude = ("digest",)
    actions = ("revoke",)

    @admin.action(description="Revoke the selected keys", permissions=["revoke"])
    def revoke(self, request: HttpRequest, rows: QuerySet[ApiKey]) -> None:
        for key in rows:
            keys.revoke(key, asker=admin_asker(request))
        self.message_user(request, "The keys no longer open anything.")

    def has_revoke_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("rag_site.change_apikey")


@admin.register(AuditEvent)
class AuditAdmin(ReadOnly):
    list_display = ("at", "user_name", "via", "action", "object_kind", "object_id")
    list_filter = ("action", "via", "at")
    search_fields = ("user_name", "action", "object_id", "reference")
    date_hierarchy = "at"
