from __future__ import annotations

from django.apps import AppConfig
from django.contrib.admin.apps import AdminConfig

# Makes the configured Celery application current before any task is declared.
from rag_site.celery import app as celery_app

__all__ = ["PlumblineAdminConfig", "RagSiteConfig", "celery_app"]


class RagSiteConfig(AppConfig):
    name = "rag_site"
    verbose_name = "People and keys"

    def ready(self) -> None:
        from rag_site import checks  # noqa: F401 - registers the system checks


class PlumblineAdminConfig(AdminConfig):
    default_site = "rag_site.admin_site.PlumblineAdminSite"
