from __future__ import annotations

from typing import Any

import pytest
from django.db.models.expressions import RawSQL

from ingestion import visibility
from ingestion.visibility import Visible
from tests.gateway_fixtures import (  # noqa: F401 - pytest finds them here
    _closed_connections,
    _fresh_limits,
    _plain_static,
    _quick_passwords,
    model,
)


@pytest.fixture
def no_filter(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every statement above the floor forgets whose rights it should ask for."""

    def everything(self: Visible) -> tuple[str, list[Any]]:
        return "SELECT d.id FROM ingestion_document d", []

    def every_collection(*_: object) -> RawSQL:
        return RawSQL("SELECT id FROM ingestion_collection", [])

    monkeypatch.setattr(Visible, "documents_sql", everything)
    monkeypatch.setattr(visibility, "_open_to", every_collection)
