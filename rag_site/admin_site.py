"""The site of the administration; apart from ``admin``, which registers on it."""

from __future__ import annotations

from django.contrib.admin import AdminSite


class PlumblineAdminSite(AdminSite):
    site_header = "Plumbline administration"
    site_title = "Plumbline"
    index_title = "What would you like to look after?"
    enable_nav_sidebar = False
