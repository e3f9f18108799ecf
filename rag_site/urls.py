"""Every address of the site; each app names its own pages."""

from __future__ import annotations

from django.contrib import admin
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.templatetags.static import static
from django.urls import URLPattern, URLResolver, include, path

from rag_site import api, health, metrics


@login_not_required
def favicon(request: HttpRequest) -> HttpResponse:
    """Browsers ask for this address on pages that name no icon, such as JSON."""
    return redirect(static("favicon.svg"))


urlpatterns: list[URLPattern | URLResolver] = [
    path("admin/", admin.site.urls),
    path("api/v1/openapi.json", api.openapi, name="openapi"),
    path("api/v1/", api.urls),
    path("api/docs", api.docs, name="api-docs"),
    path("health/live", health.live),
    path("health/ready", health.ready),
    path("favicon.ico", favicon),
    path("metrics", metrics.metrics),
    path("", include("rag_site.page_urls")),
    path("", include("ingestion.urls")),
    path("", include("retrieval.urls")),
    path("", include("generation.urls")),
]

handler400 = "rag_site.problems.bad_request"
handler403 = "rag_site.problems.forbidden"
handler404 = "rag_site.problems.not_found"
handler500 = "rag_site.problems.server_error"
