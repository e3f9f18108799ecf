"""Collections with their members, and documents with their state."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any
from uuid import UUID

from django.contrib import admin, messages
from django.contrib.admin import ModelAdmin, TabularInline
from django.contrib.auth import get_user_model
from django.db.models import ForeignKey, Model, QuerySet
from django.http import HttpRequest

from ingestion import services
from ingestion.errors import OwnerInactive
from ingestion.models import Collection, Document, Membership
from rag_site import audit
from rag_site.asking import Asker
from rag_site.errors import RagError

_SUSPENDED = "This owner is suspended. Choose somebody active."
_BY_SERVICE = ("name", "description", "language", "visibility", "masking", "adapter")


class MembershipInline(TabularInline):  # type: ignore[type-arg]  # generic only to the type checker
    model = Membership
    extra = 0
    autocomplete_fields = ("user",)


@admin.register(Collection)
class CollectionAdmin(ModelAdmin):  # type: ignore[type-arg]  # generic only to the type checker
    list_display = ("name", "owner", "visibility", "language", "updated_at")
    list_filter = ("visibility", "language", "masking")
    list_select_related = ("owner",)
    search_fields = ("name", "owner__username")
    autocomplete_fields = ("owner",)
    inlines = (MembershipInline,)

    def formfield_for_foreignkey(
        self, db_field: ForeignKey[Any], request: HttpRequest, **kwargs: Any
    ) -> Any:
        """Let nobody suspended own a collection that is saved: see ``_as_owner``."""
        if db_field.name == "owner":
            kwargs["queryset"] = get_user_model().objects.filter(is_active=True)
            kwargs["error_messages"] = {"invalid_choice": _SUSPENDED}
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def save_model(
        self, request: HttpRequest, obj: Collection, form: Any, change: bool
    ) -> None:
        """Save by the service, which also rewrites the words when the language changes."""
        if not change:
            super().save_model(request, obj, form, change)
        else:
            fields = {name: getattr(obj, name) for name in _BY_SERVICE}
            # First, so that a collection whose owner is gone can be given on.
            Collection.objects.filter(pk=obj.pk).update(owner=obj.owner)
            _as_owner(
                request,
                obj,
                lambda owner: services.update_collection(owner, obj.pk, **fields),
            )
        if not change or "owner" in form.changed_data:
            audit.record(
                "collection.given" if change else "collection.created",
                asker=_administrator(request),
                object_kind="collection",
                object_id=obj.pk,
                detail={"name": obj.name, "owner": str(obj.owner), "door": "admin"},
            )

    def save_formset(
        self, request: HttpRequest, form: Any, formset: Any, change: bool
    ) -> None:
        super().save_formset(request, form, formset, change)
        rows = [*formset.new_objects, *(row for row, _ in formset.changed_objects)]
        _record_members(request, form.instance, "member.set", rows)
        _record_members(
            request, form.instance, "member.removed", formset.deleted_objects
        )

    def delete_model(self, request: HttpRequest, obj: Collection) -> None:
        _as_owner(request, obj, lambda owner: services.delete_collection(owner, obj.pk))

    def delete_queryset(
        self, request: HttpRequest, queryset: QuerySet[Collection]
    ) -> None:
        for row in queryset:
            self.delete_model(request, row)

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        return _without_children(objs, self.has_delete_permission(request))


@admin.register(Document)
class DocumentAdmin(ModelAdmin):  # type: ignore[type-arg]  # generic only to the type checker
    list_display = (
        "name",
        "collection",
        "state",
        "tags",
        "tries",
        "failure_code",
        "updated_at",
    )
    list_filter = ("state", "failure_code", "collection")
    list_select_related = ("collection",)
    search_fields = ("name", "collection__name")
    actions = ("retry", "cancel")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        # Rows change by actions only; one row by itself is for reading.
        return obj is None and super().has_change_permission(request)

    @admin.action(
        description="Read the selected documents again", permissions=["change"]
    )
    def retry(self, request: HttpRequest, rows: QuerySet[Document]) -> None:
        self._each(request, rows, services.retry, "queued again")

    @admin.action(
        description="Stop reading the selected documents", permissions=["change"]
    )
    def cancel(self, request: HttpRequest, rows: QuerySet[Document]) -> None:
        self._each(request, rows, services.cancel, "stopped")

    def delete_model(self, request: HttpRequest, obj: Document) -> None:
        _as_owner(
            request,
            obj.collection,
            lambda owner: services.delete_document(owner, obj.pk),
        )

    def delete_queryset(
        self, request: HttpRequest, queryset: QuerySet[Document]
    ) -> None:
        for row in queryset.select_related("collection"):
            self.delete_model(request, row)

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        return _without_children(objs, self.has_delete_permission(request))

    def _each(
        self,
        request: HttpRequest,
        rows: QuerySet[Document],
        act: Callable[[Asker, Any], object],
        word: str,
    ) -> None:
        done = 0
        for row in rows.select_related("collection"):
            try:
                _as_owner(request, row.collection, partial(_act_on, act, row.pk))
                done += 1
            except RagError as problem:
                self.message_user(
                    request, f"{row.name}: {problem.message}", messages.WARNING
                )
        self.message_user(request, f"{done} {word}.")


def _administrator(request: HttpRequest) -> Asker:
    return Asker(user_id=request.user.pk or 0)


def _as_owner(
    request: HttpRequest, collection: Collection, deed: Callable[[Asker], object]
) -> None:
    """Act with the owner's rights: being staff is no membership, and stays on record.

    Raises OwnerInactive: one who is suspended has no rights to act with.
    """
    if not collection.owner.is_active:
        raise OwnerInactive(
            f"The owner of “{collection.name}”, {collection.owner}, is suspended. "
            "Give the collection to somebody active first: it has the field Owner."
        )
    with audit.acting(_administrator(request)):
        deed(Asker(user_id=collection.owner_id))


def _act_on(act: Callable[[Asker, Any], object], pk: UUID, owner: Asker) -> None:
    act(owner, pk)


def _record_members(
    request: HttpRequest, collection: Collection, action: str, rows: Any
) -> None:
    for row in rows:
        audit.record(
            action,
            asker=_administrator(request),
            object_kind="collection",
            object_id=collection.pk,
            detail={"who": str(row), "door": "admin"},
        )


def _without_children(objs: Any, is_allowed: bool) -> Any:
    """List the rows themselves only: a document may have 100,000 passages."""
    rows: list[Model] = list(objs)
    kinds = {str(row._meta.verbose_name_plural) for row in rows}
    counts = dict.fromkeys(kinds, len(rows))
    missing = set() if is_allowed else kinds
    return [str(row) for row in rows], counts, missing, []
