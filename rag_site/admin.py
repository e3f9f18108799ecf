from __future__ import annotations

from django.contrib.admin import AdminSite


class PlumblineAdminSite(AdminSite):
    site_header = "Plumbline"
