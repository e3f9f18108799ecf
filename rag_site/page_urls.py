"""The pages about people and the site itself."""

from __future__ import annotations

from django.contrib.auth.views import LogoutView
from django.urls import URLPattern, URLResolver, path

from rag_site import seeing_as, views

urlpatterns: list[URLPattern | URLResolver] = [
    path("sign-in", views.SignInView.as_view(), name="sign_in"),
    path("sign-out", LogoutView.as_view(), name="sign_out"),
    path("setup/<str:token>", views.setup, name="setup"),
    path("account", views.account, name="account"),
    path("account/password", views.password, name="password"),
    path("account/sessions/end", views.end_sessions, name="end_sessions"),
    path("account/keys", views.keys, name="keys"),
    path("account/keys/<uuid:pk>/revoke", views.revoke_key, name="revoke_key"),
    path("health", views.health, name="health"),
    path("health/see-as", seeing_as.see_as, name="see_as"),
    path("health/report", views.health_report, name="health_report"),
]
