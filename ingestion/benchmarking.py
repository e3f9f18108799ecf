"""From file to searchable, against raw ``SentenceTransformer.encode``.

Both meet the same chunks in the same run, in turns: a few documents are read
end to end, then their chunks are encoded bare, by the same model object with the
same precision, batch size and threads. What is left is what parsing, cutting and
storing cost.
"""

from __future__ import annotations

import gzip
import json
import os
import random
import resource
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model

from ingestion import filing
from ingestion.embedding import SentenceTransformerEmbedder, load_embedder
from ingestion.inline import ingest_all
from ingestion.models import Chunk, Collection, Document, DocumentVersion
from ingestion.pipeline import parse_limits
from ingestion.sandbox import parse_in_child
from ingestion.types import ParseJob
from ingestion.uploads import Inspected, inspect_upload
from rag_site.benchmarks import Result

DOCUMENTS = 24
# Documents between two turns.
_TURN = 6
# Texts of some 1,500 characters in one document: ten pages or so.
_SECTIONS = 14
#: Goal of the project: see docs/evaluation.md.
GOAL = 0.7


@dataclass
class _Sums:
    chunks: int = 0
    reading_s: float = 0.0
    bare_s: float = 0.0
    parsing_s: float = 0.0


def run(options: Mapping[str, Any]) -> list[Result]:
    """Read documents in the current database, a scratch one.

    Args:
        options: ``documents``, with a default, and ``progress``, called with
            documents done and documents in all.
    """
    count = options.get("documents") or DOCUMENTS
    embedder = load_embedder()
    sums = _Sums()
    with _own_files() as folder:
        files = _files(folder, count + 1)
        collection = _collection()
        _read(collection, files[:1])  # warms the model, the pages and the caches
        for at in range(1, count + 1, _TURN):
            _turn(collection, files[at : at + _TURN], embedder, sums)
            if progress := options.get("progress"):
                progress(min(at + _TURN - 1, count), count)
    return _results(sums, count, embedder)


def _turn(
    collection: Collection,
    files: Sequence[Path],
    embedder: SentenceTransformerEmbedder,
    sums: _Sums,
) -> None:
    sums.parsing_s += _timed(lambda: _parse(files))
    sums.reading_s += _timed(lambda: _read(collection, files))
    names = [path.name for path in files]
    rows = Chunk.objects.filter(version__document__name__in=names)
    texts = [
        f"{heading}\n{text}" for heading, text in rows.values_list("heading", "text")
    ]
    sums.chunks += len(texts)
    sums.bare_s += _timed(
        lambda: embedder.model.encode(
            texts,
            batch_size=settings.EMBEDDING_BATCH,
            normalize_embeddings=True,
            show_progress_bar=False,
        )
    )


def _read(collection: Collection, files: Sequence[Path]) -> None:
    ingest_all([_accepted(collection, path).pk for path in files])


def _accepted(collection: Collection, path: Path) -> Document:
    """Take a file in as an upload, without telling the site's workers."""
    found = _inspected(path)
    filing.put_in_place(filing.copied_in(path), found.digest)
    document = Document.objects.create(collection=collection, name=found.name)
    DocumentVersion.objects.create(
        document=document,
        number=1,
        digest=found.digest,
        size_bytes=found.size_bytes,
        media_type=found.media_type,
    )
    return document


def _parse(files: Sequence[Path]) -> None:
    for path in files:
        media_type = _inspected(path).media_type
        job = ParseJob(
            path=str(path), media_type=media_type, name=path.name, limits=parse_limits()
        )
        parse_in_child(job)


def _inspected(path: Path) -> Inspected:
    return inspect_upload(path, path.name, max_bytes=settings.MAX_UPLOAD_MB << 20)


def _results(
    sums: _Sums, documents: int, embedder: SentenceTransformerEmbedder
) -> list[Result]:
    end_to_end, bare = sums.chunks / sums.reading_s, sums.chunks / sums.bare_s
    return [
        Result(
            name=f"file to searchable, {embedder.precision}, against bare encode()",
            value=round(end_to_end, 2),
            unit="chunks/s",
            baseline=round(bare, 2),
            ratio=round(end_to_end / bare, 3),
            goal=f"ratio at least {GOAL}",
        ),
        Result(name="chunks", value=sums.chunks, unit="chunks"),
        Result(
            name="parsing alone, in child processes",
            value=round(documents / sums.parsing_s, 2),
            unit="documents/s",
        ),
        Result(
            name="peak memory of the worker",
            value=round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
            unit="MB",
        ),
    ]


def _timed(call: Callable[[], object]) -> float:
    """Return seconds."""
    begun = time.perf_counter()
    call()
    return time.perf_counter() - begun


def _collection() -> Collection:
    owner = get_user_model()._default_manager.create(username="benchmark")
    return Collection.objects.create(owner=owner, name="benchmark")


@contextmanager
def _own_files() -> Iterator[Path]:
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


# --- What is read -------------------------------------------------------------


def _files(folder: Path, count: int) -> list[Path]:
    """Write ``count`` documents of about ten pages, Markdown and Word in turns."""
    texts = _texts(count * _SECTIONS)
    files = []
    for n in range(count):
        sections = texts[n * _SECTIONS : (n + 1) * _SECTIONS]
        write = _write_docx if n % 2 else _write_markdown
        files.append(write(folder / f"document-{n}", sections))
    return files


def _write_markdown(path: Path, sections: Sequence[str]) -> Path:
    target = path.with_suffix(".md")
    parts = [f"## Section {n}\n\n{text}" for n, text in enumerate(sections, 1)]
    target.write_text("\n\n".join([f"# {path.name}", *parts]))
    return target


def _write_docx(path: Path, sections: Sequence[str]) -> Path:
    from docx import Document as WordDocument

    target = path.with_suffix(".docx")
    made = WordDocument()
    for n, text in enumerate(sections, 1):
        made.add_heading(f"Section {n}", level=1)
        made.add_paragraph(text)
    made.save(str(target))
    return target


def _texts(count: int) -> list[str]:
    """Return abstracts of SciFact where the shared data is, else made-up prose."""
    default = settings.BASE_DIR.parent / "shared"
    shared = Path(os.environ.get("PLUMBLINE_SHARED") or default)
    corpus = shared / "data" / "dev" / "scifact" / "corpus.jsonl.gz"
    if not corpus.exists():
        return [_prose(n) for n in range(count)]
    with gzip.open(corpus, "rt") as lines:
        texts = [json.loads(line)["text"] for line in lines]
    return [texts[n % len(texts)] for n in range(count)]


_WORDS = """
the of and to in is that it was for on are with as they be at this have from or one
had by word but not what all were when your can said there use an each which their
time if will way about many then them write would like these her long make thing see
him two has look more day could go come did number sound most people over know water
than call first who may down side been now find any new work part pressure valve
inspection quarterly temperature maintenance contractor measured approximately
installation regulation documentation requirement procedure
"""


def _prose(seed: int) -> str:
    """Return some 1,500 characters of sentences, the same for the same seed."""
    chosen = random.Random(seed)  # noqa: S311 - text, no secret
    sentences: list[str] = []
    while sum(len(sentence) for sentence in sentences) < 1500:
        words = chosen.choices(_WORDS.split(), k=chosen.randint(8, 24))
        sentences.append(" ".join(words).capitalize() + ".")
    return " ".join(sentences)
