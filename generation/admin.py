"""Conversations and answers: read-only, and every look is on record."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.contrib.admin import ModelAdmin, TabularInline
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse

from generation.models import Answer, Conversation, Source
from rag_site import audit
from rag_site.asking import Asker


class _ReadOnly:
    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class AnswerInline(_ReadOnly, TabularInline):  # type: ignore[type-arg]  # generic only to the type checker
    model = Answer
    extra = 0
    show_change_link = True
    fields = readonly_fields = (
        "created_at",
        "question",
        "text",
        "state",
        "is_refused",
    )


class SourceInline(_ReadOnly, TabularInline):  # type: ignore[type-arg]  # generic only to the type checker
    model = Source
    extra = 0
    fields = readonly_fields = (
        "n",
        "version",
        "page",
        "start",
        "end",
        "score",
        "is_cited",
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Source]:
        # A version tells its document and number: else each is a query of its own.
        return super().get_queryset(request).select_related("version")


class _Recorded(_ReadOnly, ModelAdmin):  # type: ignore[type-arg]  # generic only to the type checker
    """A person's questions are theirs: an administrator does not read them unseen."""

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        audit.record(
            f"{self.opts.model_name}.read_by_administrator",
            asker=Asker(user_id=request.user.pk or 0),
            object_kind=str(self.opts.model_name),
            object_id=object_id or "",
        )
        return super().changeform_view(request, object_id, form_url, extra_context)


@admin.register(Conversation)
class ConversationAdmin(_Recorded):
    list_display = ("id", "user", "created_at", "updated_at", "deleted_at")
    list_filter = ("created_at",)
    list_select_related = ("user",)
    search_fields = ("=id", "user__username")
    inlines = (AnswerInline,)


@admin.register(Answer)
class AnswerAdmin(_Recorded):
    list_display = ("id", "state", "is_refused", "model_name", "via", "created_at")
    list_filter = ("state", "is_refused", "via", "created_at")
    search_fields = ("=id", "failure_reference")
    inlines = (SourceInline,)
