from __future__ import annotations

from django.apps import AppConfig
from django.contrib.admin.apps import AdminConfig


class RagSiteConfig(AppConfig):
    name = "rag_site"
    verbose_name = "People and keys"


class PlumblineAdminConfig(AdminConfig):
    default_site = "rag_site.admin.PlumblineAdminSite"
