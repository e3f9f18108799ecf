"""Chat before ingestion: the first token of an answer while a worker reads.

The site's own workers read a long PDF in the scratch database, and a model server
answers as it does in the site. Idle and busy take turns: for a question asked idle
the workers are stopped by a signal, so that other work on the machine slows both.
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from statistics import median
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.db import connection

from generation import running, services
from generation.database import in_thread
from generation.errors import ModelUnavailable
from generation.parts import using
from generation.serving import started
from generation.types import Done, Failed, Token
from ingestion import benchmark_files
from ingestion.benchmarking import accepted, new_collection, own_files
from ingestion.embedding import http_embedder
from ingestion.models import Collection, Document
from rag_site.asking import Asker
from rag_site.benchmarks import Result, measured_model
from rag_site.errors import RagError
from rag_site.processes import wait_until
from rag_site.site_parts import workers
from rag_site.supervisor import Part, die_with_parent

QUESTIONS, PAGES = 5, 1000
#: Goal of the project: see docs/evaluation.md.
GOAL = "ratio at most 1.5"
# Short files that the questions are about.
_NOTES = 20
# Seconds for a worker to load its model and get on with a document.
_START_S, _STEP_S = 300, 120
_STOP_S = 15


class AnswerFailed(RagError):
    """An answer failed, and a time to its first words would be none."""


def run(options: Mapping[str, Any]) -> list[Result]:
    """Measure in the current database, a scratch one.

    Args:
        options: ``questions``, ``pages`` and ``model``, each with a default, and
            ``progress``, called with questions asked and in all.

    Raises:
        WeightsMissing, ModelUnavailable, AnswerFailed
    """
    name = measured_model(options.get("model"))
    pages = options.get("pages") or PAGES
    count = options.get("questions") or QUESTIONS
    with (
        own_files() as folder,
        started(name, embeds=True) as model,
        closing(http_embedder(model.url, model.key)) as embedder,
        using(model, embedder=embedder),
        _running_workers(folder) as groups,
    ):
        collection = new_collection("chat first")
        asker = Asker(user_id=collection.owner_id, via="shell")
        questions = iter(_questions(collection, folder, 2 * count + 1))
        _wait_for_all(collection)
        first_token_s(asker, next(questions))  # warms the model's caches
        pdf = benchmark_files.long_pdf(folder / "long.pdf", pages)
        document = accepted(collection, pdf)
        idle, busy = [], []
        for n in range(count):
            _wait_for_progress(document)
            with _stopped(groups):
                idle.append(first_token_s(asker, next(questions)))
            _wait_for_progress(document)
            busy.append(first_token_s(asker, next(questions)))
            if progress := options.get("progress"):
                progress(n + 1, count)
    return [_result(name, pages, idle, busy)]


def first_token_s(asker: Asker, question: str) -> float:
    """Return the seconds from the question to its answer's first words.

    Raises:
        AnswerFailed
    """
    begun = time.perf_counter()
    row = services.ask(asker, question=question, via="shell")

    async def follow() -> float:
        running.start(row.pk, asker)
        seconds = 0.0
        async for _, kind, _data in running.events(row.pk, asker):
            if kind == Failed.kind:
                raise AnswerFailed
            if not seconds and kind in {Token.kind, Done.kind}:
                seconds = time.perf_counter() - begun
                await in_thread(services.stop, asker, row.pk)
        return seconds

    return asyncio.run(follow())


def _questions(collection: Collection, folder: Path, count: int) -> list[str]:
    """Queue short files and return questions on what they say."""
    files = benchmark_files.small_files(folder / "notes", max(_NOTES, count))
    for path in files:
        accepted(collection, path)
    starts = [" ".join(path.read_text().split()[2:12]) for path in files]
    return [f"What is reported about {words}?" for words in starts[:count]]


def _wait_for_all(collection: Collection) -> None:
    waiting = Document.objects.filter(collection=collection)
    waiting = waiting.exclude(state__in=Document.SETTLED)
    _demand(wait_until(lambda: not waiting.exists(), _START_S))


def _wait_for_progress(document: Document) -> None:
    """Wait until the document is being embedded, and gets on with it."""
    at_work = Document.objects.filter(pk=document.pk, state=Document.State.EMBEDDING)
    _demand(wait_until(at_work.exists, _START_S))
    before = at_work.values_list("progress_done", flat=True).first() or 0
    _demand(wait_until(at_work.exclude(progress_done=before).exists, _STEP_S))


def _demand(came: bool) -> None:
    if not came:
        raise ModelUnavailable(
            "The workers did not read as expected, or were done before the last "
            "question: ask fewer, or of a PDF with more pages."
        )


@contextmanager
def _running_workers(folder: Path) -> Iterator[list[int]]:
    """Run the site's workers on the scratch database; yield their process groups."""
    with tempfile.TemporaryFile(dir=folder) as log:
        processes = [_start(part, folder, log.fileno()) for part in workers()]
        try:
            yield [process.pid for process in processes]
        finally:
            for process in processes:
                _end(process)


def _start(part: Part, folder: Path, log: int) -> subprocess.Popen[bytes]:
    address = urlsplit(os.environ["DATABASE_URL"])
    scratch = address._replace(path=f"/{connection.settings_dict['NAME']}")
    environment = {
        "DATABASE_URL": scratch.geturl(),
        "PLUMBLINE_FILES": str(settings.FILES_DIR),
        "PLUMBLINE_VAR": str(settings.VAR_DIR),
    }
    return subprocess.Popen(
        part.command,
        env={**os.environ, **part.environment, **environment},
        cwd=settings.BASE_DIR,
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
        start_new_session=True,
        preexec_fn=die_with_parent(os.getpid()),  # noqa: PLW1509 - one system call
    )


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    with suppress(subprocess.TimeoutExpired):
        process.wait(_STOP_S)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


@contextmanager
def _stopped(groups: Sequence[int]) -> Iterator[None]:
    """Keep these process groups from running while the block runs."""
    for group in groups:
        os.killpg(group, signal.SIGSTOP)
    try:
        yield
    finally:
        for group in groups:
            os.killpg(group, signal.SIGCONT)


def _result(
    name: str, pages: int, idle: Sequence[float], busy: Sequence[float]
) -> Result:
    return Result(
        name=f"{name}: time to the first token while {pages} pages are read, "
        "against idle",
        value=round(median(busy) * 1000, 1),
        unit="ms",
        baseline=round(median(idle) * 1000, 1),
        ratio=round(median(busy) / median(idle), 3),
        goal=GOAL,
    )
