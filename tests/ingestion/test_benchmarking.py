"""The benchmark of ingestion: what it reads and reports, never how fast."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import call_command

from ingestion import benchmark_files, pipeline
from ingestion.benchmarking import accepted, new_collection
from ingestion.inline import ingest_all
from ingestion.models import Chunk, Document
from ingestion.sandbox import parse_in_child
from ingestion.types import ParseJob
from rag_site.benchmarks import peak_mb, peaks_of_children, reset_peak
from rag_site.weights import WeightsMissing, locate
from tests.fakes import HashEmbedder, word_tokenizer


def test_the_long_pdf_reads_page_by_page(tmp_path: Path) -> None:
    path = benchmark_files.long_pdf(tmp_path / "long.pdf", 7)
    job = ParseJob(path=str(path), media_type="application/pdf", name="long.pdf")
    pages = parse_in_child(job).pages
    assert [page.number for page in pages] == [1, 2, 3, 4, 5, 6, 7]
    for n, page in enumerate(pages):
        words = " ".join(page.text.split())
        assert words[:80] == benchmark_files.prose(n)[:80]
        assert 700 < len(words) <= 900


def test_files_are_the_same_in_every_run(tmp_path: Path) -> None:
    first, second = (benchmark_files.small_files(tmp_path / f, 12) for f in "ab")
    contents = [path.read_text() for path in first]
    assert contents == [path.read_text() for path in second]
    assert len(set(contents)) == 12
    assert all(100 < len(content) <= 2000 for content in contents)


@pytest.mark.django_db(transaction=True)
def test_files_are_read_by_the_embedder_that_is_compared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pipeline, "tokenizer_for", lambda name: word_tokenizer())
    collection = new_collection("benchmark")
    files = benchmark_files.documents(tmp_path / "files", 2)
    ids = [accepted(collection, path).pk for path in files]
    assert ingest_all(ids, embedder=HashEmbedder()) == 2
    states = Document.objects.filter(pk__in=ids).values_list("state", flat=True)
    assert set(states) == {Document.State.READY}
    assert Chunk.objects.filter(version__document__in=ids).count() > 20


def test_the_peak_of_a_child_is_its_own() -> None:
    code = "held = bytearray(60_000_000); import time; time.sleep(3)"
    reset_peak()
    with peaks_of_children("bytearray(60_000_000)") as peaks:
        child = subprocess.Popen([sys.executable, "-c", code])
        until = time.monotonic() + 20
        while time.monotonic() < until and max(peaks, default=0) < 57:
            time.sleep(0.05)
        child.kill()
        child.wait()
    if not Path("/proc/self/status").exists():
        pytest.skip("this system shows no peaks of other processes")
    assert 57 < max(peaks) < 120
    assert peak_mb() > 10


@pytest.mark.models
@pytest.mark.django_db(transaction=True)
def test_the_command_reports_each_side_beside_its_baseline() -> None:
    try:
        locate("all-minilm-l6-v2")
    except WeightsMissing as exc:
        pytest.skip(exc.message)
    out = StringIO()
    sizes = ("--documents", "2", "--small", "3", "--pages", "8")
    call_command("benchmark", "ingestion", "--json", *sizes, stdout=out)
    report = json.loads(out.getvalue())
    results = {result["name"]: result for result in report["results"]}
    goals = [result["goal"] for result in results.values() if result["goal"]]
    assert goals == ["ratio at least 0.85", "ratio at least 1.7"]
    for name, result in results.items():
        assert result["value"] > 0, name
        if result["baseline"]:
            expected = result["value"] / result["baseline"]
            assert result["ratio"] == pytest.approx(expected, abs=0.02)
    assert "peak memory of the worker, one PDF of 8 pages" in results
    assert {"3 small files", "one PDF of 8 pages"} <= set(results)
