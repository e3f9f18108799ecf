"""Golden questions from the shell: run, export, import; reports for JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ingestion.models import Collection
from ingestion.shell import owner_named
from rag_site.asking import Asker
from rag_site.errors import NotFound
from retrieval import golden
from retrieval.corpora import read_lines
from retrieval.explaining import collections_curated_by
from retrieval.models import GoldenQuestion, GoldenRun
from retrieval.types import RetrievalConfig


def run(options: Mapping[str, Any]) -> dict[str, Any]:
    """Run the set and keep the result; the run before stands beside it.

    Args:
        options: ``collection``, ``user`` and ``method``.

    Raises:
        NotFound, NoGolden, EmbedderUnavailable, EmbedderChanged
    """
    asker, collection = reach(options)
    before = golden.last_runs(collection, 1)
    config = RetrievalConfig.from_settings(k=golden.DEPTH, method=options["method"])
    label = {"method": config.method, "weight": config.dense_weight}
    made = golden.run(asker, collection, config, label=label)
    questions = dict(
        GoldenQuestion.objects.filter(collection=collection).values_list(
            "pk", "question"
        )
    )
    return {
        "collection": collection.name,
        **_figures(made),
        "previous": _figures(before[0]) if before else None,
        "places": [
            {"question": text, "place": made.places.get(str(pk))}
            for pk, text in questions.items()
        ],
    }


def write(options: Mapping[str, Any], path: Path) -> dict[str, Any]:
    """Write the set as JSON lines. Raises NotFound."""
    _, collection = reach(options)
    rows = golden.exported(collection)
    lines = [json.dumps(row, ensure_ascii=False) + "\n" for row in rows]
    path.write_text("".join(lines), encoding="utf-8")
    return {"collection": collection.name, "exported": len(rows), "file": str(path)}


def read(options: Mapping[str, Any], path: Path) -> dict[str, Any]:
    """Add the lines of a file. Raises NotFound, ValidationFailed, CorpusInvalid."""
    asker, collection = reach(options)
    added, known = golden.imported(asker, collection, read_lines(path))
    return {"collection": collection.name, "imported": added, "known_before": known}


def reach(options: Mapping[str, Any]) -> tuple[Asker, Collection]:
    """Return who acts and the collection they look after, by ``user`` and ``collection``.

    Raises:
        NotFound
    """
    asker, name = owner_named(options["user"]), options["collection"]
    rows = collections_curated_by(asker).filter(name=name)
    found = rows.order_by("created_at").first()
    if found is None:
        raise NotFound(f"This person looks after no collection named {name!r}.")
    return asker, found


def _figures(run: GoldenRun) -> dict[str, Any]:
    return {
        "at": run.created_at.isoformat(timespec="seconds"),
        "questions": run.questions,
        "recall@5": round(run.recall_at_5, 4),
        "mrr": round(run.mrr, 4),
        "seconds": round(run.seconds, 2),
        "embedder": run.embedder,
        "config": run.config,
    }
