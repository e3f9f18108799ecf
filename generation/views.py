"""The pages of asking: they read a request, call one service, and render."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from asgiref.sync import sync_to_async
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from generation import running, services
from generation.forms import FeedbackForm, RenameForm
from generation.models import Answer, Conversation
from generation.selectors import (
    conversations_of,
    get_answer_for,
    get_conversation_for,
)
from generation.turns import by_day, choices_of, starters_for, turn_of
from ingestion.listing import tags_listed
from ingestion.models import Role
from ingestion.selectors import unread_documents
from ingestion.visibility import collections_visible_to, visible_to
from rag_site.asking import Asker, asker_of_request
from rag_site.credentials import count_question
from rag_site.errors import Conflict, InvalidInput, RateLimited, ValidationFailed
from rag_site.logs import current_reference
from retrieval.filters import NO_FILTERS, values_of
from retrieval.forms import FilterForm

SIDEBAR_CHATS = 100
# A turn takes a dozen statements: a chat of a hundred is opened from its end.
TURNS_SHOWN = 20
# What a person can mend on the page itself, with the question kept.
_MENDABLE = (InvalidInput, Conflict, RateLimited)


@require_GET
def new_chat(request: HttpRequest) -> HttpResponse:
    asker = asker_of_request(request)
    picked = request.GET.getlist("collection")
    context = _chat_context(asker, None, picked) | {
        "question": request.GET.get("q", "")[: settings.MAX_QUESTION_CHARS],
        "undo": _deleted(asker, request.GET.get("deleted", "")),
    }
    return render(request, "generation/chat.html", context)


@require_GET
def chat(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Show the latest turns of the conversation, or those from an answer on.

    ``from`` names that answer, ``edit`` the one whose question is edited.
    """
    asker = asker_of_request(request)
    edited = _uuid(request.GET.get("edit", ""))
    since = edited or _uuid(request.GET.get("from", ""))
    context = _chat_context(asker, get_conversation_for(asker, pk), since=since)
    if edited:
        context |= _edit_context(asker, edited)
    return render(request, "generation/chat.html", context)


@require_GET
def chats(request: HttpRequest) -> HttpResponse:
    """Return the list in the sidebar, narrowed by ``q``; a page without script."""
    asker = asker_of_request(request)
    listed = _chats_context(request, asker)
    if request.htmx:  # type: ignore[attr-defined]  # set by django-htmx
        return render(request, "generation/_chats.html", listed)
    context = _chat_context(asker, None) | listed
    return render(request, "generation/chat.html", context)


@require_GET
def filter_tags(request: HttpRequest) -> HttpResponse:
    """Return the tags to choose from, with the chosen one."""
    tags = tags_listed(asker_of_request(request), None)
    return HttpResponse(FilterForm(request.GET, tags=tags)["tag"].as_widget())


@require_POST
async def ask(request: HttpRequest) -> HttpResponse:
    """Take a question; the answer is written by a task that outlives this request."""
    try:
        asker, answer = await sync_to_async(_new_answer)(request)
    except _MENDABLE as problem:
        return await sync_to_async(_refused)(request, problem)
    running.start(answer.id, asker)
    return await sync_to_async(_asked)(request, asker, answer)


@require_GET
def answer(request: HttpRequest, pk: UUID) -> HttpResponse:
    asker = asker_of_request(request)
    turn = turn_of(get_answer_for(asker, pk), asker)
    return render(request, "generation/_answer.html", {"turn": turn})


@require_GET
def sources(request: HttpRequest, pk: UUID) -> HttpResponse:
    asker = asker_of_request(request)
    turn = turn_of(get_answer_for(asker, pk), asker)
    return render(request, "generation/_sources.html", {"turn": turn})


@require_GET
def edit(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Return the form of an edited question, for a page that stands already."""
    context = _edit_context(asker_of_request(request), pk)
    return render(request, "generation/_edit.html", context)


@require_POST
def stop(request: HttpRequest, pk: UUID) -> HttpResponse:
    asker = asker_of_request(request)
    services.stop(asker, pk)
    return _back_to(request, get_answer_for(asker, pk))


@require_POST
async def retry(request: HttpRequest, pk: UUID) -> HttpResponse:
    asker = await sync_to_async(_checked_asker)(request)
    again = await sync_to_async(services.retry_answer)(asker, pk)
    running.start(again.id, asker)
    return await sync_to_async(_asked)(request, asker, again)


@require_POST
def feedback(request: HttpRequest, pk: UUID) -> HttpResponse:
    asker = asker_of_request(request)
    form = FeedbackForm(request.POST)
    if not form.is_valid():
        raise ValidationFailed(_first_error(form))
    services.give_feedback(asker, pk, **form.cleaned_data)
    row = get_answer_for(asker, pk)
    if request.htmx:  # type: ignore[attr-defined]  # set by django-htmx
        turn = turn_of(row, asker)
        return render(request, "generation/_feedback.html", {"turn": turn})
    return _back_to(request, row)


@require_POST
def rename(request: HttpRequest, pk: UUID) -> HttpResponse:
    asker = asker_of_request(request)
    form = RenameForm(request.POST)
    if not form.is_valid():
        raise ValidationFailed("Give the chat a name of 1 to 200 characters.")
    services.rename_conversation(asker, pk, form.cleaned_data["title"])
    if request.htmx:  # type: ignore[attr-defined]  # set by django-htmx
        return render(request, "generation/_chats.html", _chats_context(request, asker))
    return redirect("chat", pk)


@require_POST
def delete(request: HttpRequest, pk: UUID) -> HttpResponse:
    asker = asker_of_request(request)
    services.delete_conversation(asker, pk)
    if request.htmx and _open_chat(request) != pk:  # type: ignore[attr-defined]  # set by django-htmx
        context = _chats_context(request, asker) | {"undo": _deleted(asker, str(pk))}
        return render(request, "generation/_chats.html", context)
    target = f"{reverse('new_chat')}?deleted={pk}"
    if request.htmx:  # type: ignore[attr-defined]  # set by django-htmx
        return HttpResponse(headers={"HX-Redirect": target})
    return redirect(target)


@require_POST
def undelete(request: HttpRequest, pk: UUID) -> HttpResponse:
    services.undelete_conversation(asker_of_request(request), pk)
    return redirect("chat", pk)


def _checked_asker(request: HttpRequest) -> Asker:
    asker = asker_of_request(request)
    count_question(request, asker)
    return asker


def _new_answer(request: HttpRequest) -> tuple[Asker, Answer]:
    asker = _checked_asker(request)
    # A form with the picker says where to search; one without leaves it as it was.
    has_picker = "picker" in request.POST
    wanted = _uuids(request.POST.getlist("collections"))
    return asker, services.ask(
        asker,
        question=_question(request),
        conversation_id=_uuid(request.POST.get("conversation", "")),
        collections=wanted if has_picker else None,
        filters=FilterForm(request.POST).filters(),
        via="web",
    )


def _question(request: HttpRequest) -> str:
    """Return the starter that was pressed, else what was typed."""
    return request.POST.get("starter") or request.POST.get("question", "")


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text) if text else None
    except ValueError as exc:
        raise InvalidInput from exc


def _uuids(texts: list[str]) -> list[UUID]:
    return [found for text in texts if (found := _uuid(text))]


def _asked(request: HttpRequest, asker: Asker, answer: Answer) -> HttpResponse:
    if not request.htmx:  # type: ignore[attr-defined]  # set by django-htmx
        return _back_to(request, answer)
    turn = turn_of(answer, asker)
    response = render(request, "generation/_turn.html", {"turn": turn})
    response["HX-Push-Url"] = reverse("chat", args=[answer.conversation_id])
    response["X-Conversation"] = str(answer.conversation_id)
    return response


def _refused(
    request: HttpRequest, problem: InvalidInput | Conflict | RateLimited
) -> HttpResponse:
    """Say what is wrong beside the question, which is kept."""
    context: dict[str, Any] = {
        "message": problem.message,
        "code": problem.code,
        "reference": current_reference(),
    }
    if request.htmx:  # type: ignore[attr-defined]  # set by django-htmx
        name = "generation/_composer_error.html"
        return render(request, name, context, status=problem.http_status)
    asker = asker_of_request(request)
    pk = _uuid(request.POST.get("conversation", ""))
    conversation = get_conversation_for(asker, pk) if pk else None
    has_picker = "picker" in request.POST
    picked = request.POST.getlist("collections") if has_picker else None
    context |= _chat_context(asker, conversation, picked)
    context["question"] = _question(request)[: settings.MAX_QUESTION_CHARS]
    return render(request, "generation/chat.html", context, status=problem.http_status)


def _back_to(request: HttpRequest, answer: Answer) -> HttpResponse:
    if request.htmx:  # type: ignore[attr-defined]  # set by django-htmx
        return HttpResponse(status=204)
    url = reverse("chat", args=[answer.conversation_id])
    return redirect(f"{url}?from={answer.pk}#a-{answer.pk}")


def _open_chat(request: HttpRequest) -> UUID | None:
    """Return the chat of the page that a script asks from."""
    url = request.headers.get("HX-Current-URL", "")
    found = re.search(
        r"/c/([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})(?:[?#]|$)", url
    )
    return _uuid(found[1]) if found else None


def _deleted(asker: Asker, pk: str) -> UUID | None:
    """Return the id of the asker's chat that was just deleted, to offer an undo."""
    if not re.fullmatch(r"[0-9a-f-]{36}", pk):
        return None
    mine = Conversation.objects.filter(user_id=asker.user_id, deleted_at__isnull=False)
    found = _uuid(pk)
    return found if found and mine.filter(pk=found).exists() else None


def _chats_context(request: HttpRequest, asker: Asker) -> dict[str, Any]:
    # Postgres holds no NUL.
    query = request.GET.get("q", "").replace("\x00", "").strip()[:200]
    rows = conversations_of(asker, query)[:SIDEBAR_CHATS]
    return {"days": by_day(rows), "query": query, "current": _open_chat(request)}


def _chat_context(
    asker: Asker,
    conversation: Conversation | None,
    picked: Sequence[str] | None = None,
    *,
    since: UUID | None = None,
) -> dict[str, Any]:
    answers = list(conversation.answers.all()) if conversation else []
    collections = list(collections_visible_to(asker))
    first = _first_shown(answers, since)
    turns = [turn_of(answer, asker) for answer in answers[first:]]
    if picked is None:
        picked = answers[-1].collections if answers else []
    chosen = services.filters_of(answers[-1]) if answers else NO_FILTERS
    return {
        "section": "ask",
        "conversation": conversation,
        "current": conversation.pk if conversation else None,
        "turns": turns,
        "hidden_turns": first,
        "earlier": answers[max(0, first - TURNS_SHOWN)] if first else None,
        "turn": turns[-1] if turns else None,
        "starters": [] if turns else starters_for(asker),
        "is_running": any(not turn.is_settled for turn in turns),
        "days": by_day(conversations_of(asker)[:SIDEBAR_CHATS]),
        "choices": choices_of(collections, picked),
        "picked": picked,
        "filters": FilterForm(chosen=chosen),
        "upload_to": collections_visible_to(asker, Role.WRITER).first(),
        "max_upload_mb": settings.MAX_UPLOAD_MB,
        "unread": len(unread_documents(visible_to(asker))) if collections else 0,
        "model": settings.MODEL,
        "model_label": model_label(settings.MODEL),
        "max_chars": settings.MAX_QUESTION_CHARS,
    }


def _first_shown(answers: Sequence[Answer], since: UUID | None) -> int:
    """Return the place of the first turn to show: the latest, and all from ``since``."""
    first = max(0, len(answers) - TURNS_SHOWN)
    return next((i for i, row in enumerate(answers[:first]) if row.pk == since), first)


def _edit_context(asker: Asker, pk: UUID) -> dict[str, Any]:
    """Only the turn that is edited has a picker, whatever a chat's length."""
    answer = get_answer_for(asker, pk)
    collections = collections_visible_to(asker)
    return {
        "edited": answer,
        "edited_choices": choices_of(collections, answer.collections),
        "edited_filters": values_of(services.filters_of(answer)),
    }


def model_label(name: str) -> str:
    """Return the model's name without its tuning and quantization."""
    return re.sub(r"-instruct.*$|-q\d.*$", "", name)


def _first_error(form: FeedbackForm) -> str:
    return str(next(iter(form.errors.values()))[0])
