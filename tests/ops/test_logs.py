"""What is written to the log, and by whom."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from rag_site import logs

ROOT = Path(logs.__file__).resolve().parents[1]


def _run_quietly(program: str) -> subprocess.CompletedProcess[str]:
    """Run ``program`` in a process whose log begins at warnings."""
    return subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "PLUMBLINE_LOG_LEVEL": "WARNING"},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )


def test_workers_keep_the_level_of_the_log() -> None:
    """Celery puts its own over it unless it is told not to."""
    program = (
        "import django, logging; django.setup()\n"
        "from rag_site.celery import app\n"
        "app.log.setup('INFO', redirect_stdouts=False)\n"
        "told = [logging.getLogger(n).getEffectiveLevel() for n in ('', 'ingestion', "
        "'celery.apps.worker')]\n"
        "print(*told)"
    )
    ended = _run_quietly(program)
    # The supervisor waits for the line of the last one that a worker is ready.
    assert ended.stdout.split() == ["30", "30", "20"]


def test_the_web_process_keeps_the_level_and_the_form_of_the_log() -> None:
    """uvicorn sets up its own loggers before it imports the site."""
    program = (
        "import logging, uvicorn\n"
        "uvicorn.Config('rag_site.asgi:application').load()\n"
        "logging.getLogger('uvicorn.error').info('Started')\n"
        "logging.getLogger('uvicorn.error').warning('Trouble')"
    )
    ended = _run_quietly(program)
    (line,) = ended.stderr.splitlines()
    assert line.endswith("WARNING [-] uvicorn.error: Trouble")
