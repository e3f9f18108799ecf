from __future__ import annotations

from django.urls import URLPattern, path

from retrieval import views

urlpatterns: list[URLPattern] = [
    path("collections/<uuid:pk>/why", views.why, name="why"),
    path("collections/<uuid:pk>/why/golden", views.save_golden, name="save_golden"),
    path(
        "collections/<uuid:pk>/why/golden/<uuid:golden_id>/remove",
        views.remove_golden,
        name="remove_golden",
    ),
    path("collections/<uuid:pk>/why/run", views.run_golden, name="run_golden"),
]
