"""What every page for those who look after a collection shows around itself."""

from __future__ import annotations

from typing import Any

from ingestion.forms import CollectionForm
from ingestion.listing import collections_listed
from ingestion.models import Collection
from rag_site.asking import Asker


def frame(asker: Asker, collection: Collection) -> dict[str, Any]:
    return {
        "section": "library",
        "collection": collection,
        "collections": collections_listed(asker),
        "new_collection": CollectionForm(auto_id="new_%s"),
    }
