"""From 384 to 768 dimensions and back, under questions, with a run killed half-way."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from django.db import connection

from ingestion.models import Chunk, Document, Embedding, EmbeddingSpace
from ingestion.visibility import Visible
from rag_site.weights import state
from retrieval.corpora import Text, read_corpus, read_judged
from retrieval.loading import Reader, load_texts
from retrieval.models import GoldenQuestion
from retrieval.search import search
from retrieval.space_checks import golden_questions
from retrieval.types import RetrievalConfig

ROOT = Path(__file__).resolve().parents[2]
SHARED = Path(os.environ.get("PLUMBLINE_SHARED") or ROOT.parent / "shared")
FOLDER = SHARED / "data" / "dev" / "squad2"
OLD, NEW = "all-minilm-l6-v2", "all-mpnet-base-v2"
DOCUMENTS = int(os.environ.get("PLUMBLINE_TEST_SWITCH_DOCUMENTS") or 30)
CONFIG = RetrievalConfig(k=10, method="dense", exact_scan_chunks=0, walk_cost=0)

pytestmark = [
    pytest.mark.models,
    pytest.mark.faults,
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(not FOLDER.exists(), reason=f"no evaluation data in {FOLDER}"),
    pytest.mark.skipif(state(NEW) == "missing", reason=f"{NEW} is not here"),
]


@dataclass
class Asked:
    """What the questions that never stop came back with."""

    found: list[tuple[int, str, int, float]] = field(default_factory=list)
    errors: list[Exception] = field(default_factory=list)
    phase: str = "before"


def judged_part() -> tuple[list[Text], Mapping[str, str]]:
    """Return documents, and for each question the name of the one that answers."""
    judged = read_judged(FOLDER)
    wanted = {
        next(iter(grades)): judged.queries[query]
        for query, grades in judged.qrels.items()
    }
    texts = [text for text in read_corpus(FOLDER) if text.id in wanted][:DOCUMENTS]
    return texts, {wanted[text.id]: text.id for text in texts}


def save_golden(questions: Mapping[str, str]) -> None:
    """Keep every question with the first passage of the document that answers it."""
    for question, name in questions.items():
        document = Document.objects.get(name=name)
        first = Chunk.objects.filter(version=document.current_version_id)
        GoldenQuestion.objects.create(
            collection_id=document.collection_id,
            question=question,
            document=document,
            passage=first.earliest("ordinal").text,
        )


def recall(questions: Mapping[str, str], visible: Visible) -> float:
    hits = [
        any(hit.document == answer for hit in search(question, visible, CONFIG).hits)
        for question, answer in questions.items()
    ]
    return sum(hits) / len(hits)


@contextmanager
def questions_asked(questions: Mapping[str, str], visible: Visible) -> Iterator[Asked]:
    """Ask one after the other, without end, in a thread of its own."""
    asked, ended = Asked(), threading.Event()

    def ask() -> None:
        while not ended.is_set():
            for question, answer in questions.items():
                begun = time.perf_counter()
                try:
                    hits = search(question, visible, CONFIG).hits
                except Exception as exc:  # noqa: BLE001 - whatever it is, it counts
                    asked.errors.append(exc)
                    continue
                seconds = time.perf_counter() - begun
                rank = sum(hit.document == answer for hit in hits)
                asked.found.append((rank, asked.phase, len(hits), seconds))
                # Leaves some of the machine to what is tested.
                if ended.wait(0.1):
                    break
        connection.close()

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        yield asked
    finally:
        ended.set()
        thread.join()


def reembed(*arguments: str) -> subprocess.Popen[str]:
    wanted = connection.get_connection_params()
    address = f"{wanted['user']}:{quote(wanted['password'])}@{wanted['host']}"
    return subprocess.Popen(
        [sys.executable, "manage.py", "reembed", *arguments, "--wait", "--json"],
        cwd=ROOT,
        env={
            **os.environ,
            "PLUMBLINE_EMBEDDING_PRECISION": "float32",
            "DATABASE_URL": f"postgresql://{address}:{wanted['port']}/{wanted['dbname']}",
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finished(process: subprocess.Popen[str]) -> dict[str, dict[str, object]]:
    out, err = process.communicate(timeout=600)
    assert process.returncode == 0, err
    return {row["model"]: row for row in json.loads(out)["spaces"]}


def count(model: str) -> int:
    return Embedding.objects.filter(space__model_name=model).count()


def killed_after(vectors: int) -> int:
    """Begin to build, kill it with SIGKILL, and return how many vectors are kept."""
    building = reembed("--model", NEW)
    while count(NEW) < vectors:
        assert building.poll() is None, building.communicate()
        time.sleep(0.1)
    building.send_signal(signal.SIGKILL)
    building.communicate()
    return count(NEW)


def test_the_model_is_changed_and_changed_back_under_questions(settings: Any) -> None:
    # Measuring which precision is faster takes longer than all the rest.
    settings.EMBEDDING_PRECISION = "float32"
    texts, questions = judged_part()
    visible = load_texts(texts, Reader.from_settings())
    save_golden(questions)
    chunks = count(OLD)
    figures: dict[str, Any] = {"documents": len(texts), "chunks": chunks}
    figures["before"] = recall(questions, visible)
    with questions_asked(questions, visible) as asked:
        asked.phase = "building"
        figures["kept by the kill"] = killed_after(chunks // 3)
        assert 0 < figures["kept by the kill"] < chunks
        assert EmbeddingSpace.objects.get(state="live").model_name == OLD
        rows = finished(reembed("--model", NEW))
        assert (rows[NEW]["state"], rows[OLD]["state"]) == ("live", "retired")
        assert count(NEW) == chunks
        # Both were asked the golden questions before the flip.
        figures |= {name: rows[NEW][name] for name in ("recall", "recall_of_live")}
        assert len(golden_questions()) == len(questions)
        assert figures["recall"] >= figures["recall_of_live"] - 0.03
        asked.phase = "after"
        figures["after"] = recall(questions, visible)
        rows = finished(reembed("--rollback"))
        assert (rows[NEW]["state"], rows[OLD]["state"]) == ("retired", "live")
        asked.phase = "rolled back"
        figures["rolled back"] = recall(questions, visible)
    assert asked.errors == []
    assert min(hits for _, _, hits, _ in asked.found) == CONFIG.k
    for phase in ("building", "after", "rolled back"):
        of_phase = [found for found, name, _, _ in asked.found if name == phase]
        figures[f"asked {phase}"] = len(of_phase)
        if of_phase:
            figures[f"recall {phase}"] = sum(map(bool, of_phase)) / len(of_phase)
    figures["slowest"] = max(seconds for *_, seconds in asked.found)
    print(json.dumps(figures))  # noqa: T201 - figures for the documentation, with -s
    assert figures["before"] == figures["rolled back"]
    assert figures["after"] >= figures["before"] - 0.03
    assert figures["recall building"] >= figures["before"] - 0.03
