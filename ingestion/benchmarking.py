"""From file to searchable, against raw ``SentenceTransformer.encode``.

Sides that are compared meet the same text in the same run, in turns, so that other
work on the machine slows all alike: a few documents are read end to end, again by
an embedder in float32, and their chunks are encoded bare, by the same model object
with the same precision, batch size and threads. What the bare one lacks is parsing,
cutting and storing.
"""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from django.conf import settings
from django.contrib.auth import get_user_model

from ingestion import benchmark_files, filing
from ingestion.embedding import load_in
from ingestion.embedding_process import EmbeddingProcess, start_embedder
from ingestion.inline import ingest_all
from ingestion.models import Chunk, Collection, Document, DocumentVersion
from ingestion.precision import Precision
from ingestion.uploads import inspect_upload
from rag_site.benchmarks import Result, peak_mb, peaks_of_children, reset_peak

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

DOCUMENTS, SMALL_FILES, PAGES = 36, 1000, 2000
# Documents between two turns: enough that the first, which nothing overlaps, and the
# last weigh as little as in a folder of many.
_TURN = 12
# Chunks that the bare loop encodes of the small files and of the long one.
_SAMPLE = 256
#: Goals of the project: see docs/evaluation.md.
BARE_GOAL = "ratio at least 0.85"
FLOAT32_GOAL = "ratio at least 1.7"


@dataclass
class _Bench:
    embedder: EmbeddingProcess
    step: Callable[[], None]
    numbers: Iterator[int] = field(default_factory=count)

    def read(
        self, files: Sequence[Path], embedder: EmbeddingProcess | None = None
    ) -> tuple[float, list[str]]:
        """Read ``files``; return the seconds and the texts that were embedded."""
        collection = new_collection(f"benchmark {next(self.numbers)}")
        begun = time.perf_counter()
        ids = [accepted(collection, path).pk for path in files]
        ingest_all(ids, embedder=embedder or self.embedder)
        seconds = time.perf_counter() - begun
        self.step()
        rows = Chunk.objects.filter(version__document__collection=collection)
        parts = rows.order_by("pk").values_list("heading", "text")
        return seconds, [f"{heading}\n{text}" for heading, text in parts]

    def encode(self, texts: Sequence[str]) -> float:
        """Return the seconds that the library alone takes for ``texts``."""
        model = self._bare
        begun = time.perf_counter()
        model.encode(
            list(texts),
            batch_size=settings.EMBEDDING_BATCH,
            normalize_embeddings=True,
            show_progress_bar=False,
        )
        return time.perf_counter() - begun

    @cached_property
    def _bare(self) -> SentenceTransformer:
        # Late: what the worker holds at most is measured without it.
        precision = cast("Precision", self.embedder.precision)
        return load_in(precision, self.embedder.name).model


def run(options: Mapping[str, Any]) -> list[Result]:
    """Read documents in the current database, a scratch one.

    Args:
        options: ``documents``, ``small`` (files) and ``pages`` (of one PDF), each
            with a default, and ``progress``, called with steps done and in all.
    """
    documents = options.get("documents") or DOCUMENTS
    turns = range(0, documents, _TURN)
    steps = _steps(options.get("progress"), 3 + 2 * len(turns))
    bench = _Bench(start_embedder(), steps)
    with own_files() as folder:
        # Warms the model, the pages and the caches.
        bench.read(benchmark_files.documents(folder / "warm", 2))
        pages = options.get("pages") or PAGES
        pdf = benchmark_files.long_pdf(folder / "long.pdf", pages)
        long = _long(bench, pdf, pages)
        notes = options.get("small") or SMALL_FILES
        small = _small(bench, benchmark_files.small_files(folder / "small", notes))
        files = benchmark_files.documents(folder / "documents", documents)
        sides = _side_by_side(bench, [files[at : at + _TURN] for at in turns])
    return [*sides, *small, *long]


def _side_by_side(bench: _Bench, turns: Sequence[Sequence[Path]]) -> list[Result]:
    """Read each turn's files as set, then in float32; encode their chunks bare."""
    chosen = bench.embedder
    plain = EmbeddingProcess(chosen.name, "float32")
    chunks, ours, theirs, bare = 0, 0.0, 0.0, 0.0
    for files in turns:
        seconds, texts = bench.read(files)
        chunks, ours = chunks + len(texts), ours + seconds
        bare += bench.encode(texts)
        theirs += bench.read(files, plain)[0]
    plain.stop()
    name = f"file to searchable, {chosen.precision}, against"
    return [
        _rate(f"{name} bare encode()", chunks, ours, bare, goal=BARE_GOAL),
        _rate(f"{name} float32", chunks, ours, theirs, goal=FLOAT32_GOAL),
        Result(name="chunks of these documents", value=chunks, unit="chunks"),
    ]


def _small(bench: _Bench, files: Sequence[Path]) -> list[Result]:
    seconds, texts = bench.read(files)
    name = f"{len(files)} small files"
    rate = round(len(files) / seconds, 2)
    return [
        _against_sample(bench, f"{name} against bare encode()", texts, seconds),
        Result(name=name, value=rate, unit="files/s"),
    ]


def _long(bench: _Bench, pdf: Path, pages: int) -> list[Result]:
    reset_peak()
    with (
        peaks_of_children("ingestion.parsing.fork_server") as readers,
        peaks_of_children("ingestion.embedding_process") as embedding,
    ):
        seconds, texts = bench.read([pdf])
    worker = peak_mb()
    name = f"one PDF of {pages} pages"
    peaks = {
        "worker": worker,
        "embedding process": max(embedding, default=0.0),
        "parser child": max(readers, default=0.0),
    }
    return [
        _against_sample(bench, f"{name} against bare encode()", texts, seconds),
        Result(name=name, value=round(pages / seconds, 2), unit="pages/s"),
        *(
            Result(name=f"peak memory of the {part}, {name}", value=mb, unit="MB")
            for part, mb in peaks.items()
        ),
    ]


def _against_sample(
    bench: _Bench, name: str, texts: Sequence[str], seconds: float
) -> Result:
    """Compare with the bare rate on texts from all over."""
    sample = texts[:: max(1, len(texts) // _SAMPLE)]
    bare = bench.encode(sample) * len(texts) / len(sample)
    return _rate(name, len(texts), seconds, bare)


def _rate(
    name: str, chunks: int, seconds: float, theirs: float, goal: str | None = None
) -> Result:
    """Return chunks a second beside those of a side that took ``theirs`` seconds."""
    return Result(
        name=name,
        value=round(chunks / seconds, 2),
        unit="chunks/s",
        baseline=round(chunks / theirs, 2),
        ratio=round(theirs / seconds, 3),
        goal=goal,
    )


def accepted(collection: Collection, path: Path) -> Document:
    """Take a file in as an upload, without telling the site's workers."""
    found = inspect_upload(path, path.name, max_bytes=settings.MAX_UPLOAD_MB << 20)
    filing.put_in_place(filing.copied_in(path, found.digest), found.digest)
    document = Document.objects.create(collection=collection, name=found.name)
    DocumentVersion.objects.create(
        document=document,
        number=1,
        digest=found.digest,
        size_bytes=found.size_bytes,
        media_type=found.media_type,
    )
    return document


def new_collection(name: str) -> Collection:
    people = get_user_model()._default_manager
    owner, _ = people.get_or_create(username="benchmark")
    return Collection.objects.create(owner=owner, name=name)


def _steps(
    progress: Callable[[int, int], None] | None, total: int
) -> Callable[[], None]:
    """Return what to call after each of ``total`` steps."""
    done = count(1)

    def step() -> None:
        if progress:
            progress(next(done), total)

    return step


@contextmanager
def own_files() -> Iterator[Path]:
    """Keep the files of the run out of the site's folder, on the same disk."""
    settings.VAR_DIR.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="benchmark-", dir=settings.VAR_DIR))
    before = settings.FILES_DIR
    settings.FILES_DIR = folder / "files"
    try:
        yield folder
    finally:
        settings.FILES_DIR = before
        shutil.rmtree(folder, ignore_errors=True)
