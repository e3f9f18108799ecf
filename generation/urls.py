from __future__ import annotations

from django.urls import URLPattern, URLResolver, include, path

from generation import views

urlpatterns: list[URLPattern | URLResolver] = [
    path("", views.new_chat, name="new_chat"),
    path("c/<uuid:pk>", views.chat, name="chat"),
    path("c/<uuid:pk>/rename", views.rename, name="rename_chat"),
    path("c/<uuid:pk>/delete", views.delete, name="delete_chat"),
    path("c/<uuid:pk>/undelete", views.undelete, name="undelete_chat"),
    path("chats", views.chats, name="chats"),
    path("ask", views.ask, name="ask"),
    path("filters/tags", views.filter_tags, name="filter_tags"),
    path("answers/<uuid:pk>/", views.answer, name="answer"),
    path("answers/<uuid:pk>/sources", views.sources, name="answer_sources"),
    path("answers/<uuid:pk>/edit", views.edit, name="edit_question"),
    path("answers/<uuid:pk>/stop", views.stop, name="stop_answer"),
    path("answers/<uuid:pk>/retry", views.retry, name="retry_answer"),
    path("answers/<uuid:pk>/feedback", views.feedback, name="answer_feedback"),
    path("", include("generation.curating.urls")),
]
