from __future__ import annotations

from typing import Any

from django.http import HttpRequest


def site(request: HttpRequest) -> dict[str, Any]:
    """Give every template the name of the site and the CSP nonce's usual name."""
    return {"site_name": "Plumbline"}
