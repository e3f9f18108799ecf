"""Pages for those who look after a collection."""

from __future__ import annotations

from django.urls import URLPattern, path

from generation.curating import inbox_views, views

_ANSWERS = "collections/<uuid:pk>/answers"
_INBOX = "collections/<uuid:pk>/inbox"

urlpatterns: list[URLPattern] = [
    path(_ANSWERS, views.quality, name="answer_quality"),
    path(f"{_ANSWERS}/golden", views.save_golden_answer, name="save_golden_answer"),
    path(f"{_ANSWERS}/golden.jsonl", views.export_golden, name="export_golden"),
    path(f"{_ANSWERS}/golden/import", views.import_golden, name="import_golden"),
    path(
        f"{_ANSWERS}/golden/<uuid:golden_id>/remove",
        views.remove_golden_answer,
        name="remove_golden_answer",
    ),
    path(f"{_ANSWERS}/pairs.jsonl", views.export_pairs, name="export_pairs"),
    path(f"{_ANSWERS}/runs", views.start_run, name="start_run"),
    path(f"{_ANSWERS}/runs/<uuid:run_id>", views.run, name="answer_run"),
    path(f"{_ANSWERS}/runs/<uuid:run_id>/state", views.run_state, name="run_state"),
    path(f"{_ANSWERS}/runs/<uuid:run_id>/stop", views.stop_run, name="stop_run"),
    path(_INBOX, inbox_views.show, name="inbox"),
    path(f"{_INBOX}/<str:key>/done", inbox_views.done, name="inbox_done"),
    path(f"{_INBOX}/<str:key>/open", inbox_views.reopen, name="inbox_open"),
    path("answers/<uuid:pk>/approve", inbox_views.approve, name="approve_answer"),
    path("health/threshold", views.threshold, name="threshold"),
]
