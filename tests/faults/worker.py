"""A real Celery worker whose model is a fake: python -m tests.faults.worker QUEUE PAUSE.

Nothing in the site knows of this: the fake is put in place here, in a process that
only tests start. PAUSE are seconds that each batch takes.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from unittest import mock

import numpy as np
from numpy.typing import NDArray

from rag_site.celery import app
from tests.fakes import HashEmbedder, word_tokenizer


class PausingEmbedder(HashEmbedder):
    def __init__(self, pause_s: float) -> None:
        self._pause_s = pause_s

    def embed_passages(self, texts: Sequence[str]) -> NDArray[np.float32]:
        time.sleep(self._pause_s)
        return super().embed_passages(texts)


def main(queue: str, pause_s: float) -> None:
    import django

    django.setup()
    from ingestion import pipeline, tasks

    embedder = PausingEmbedder(pause_s)
    with (
        mock.patch.object(tasks, "start_embedder", return_value=embedder),
        mock.patch.object(pipeline, "start_embedder", return_value=embedder),
        mock.patch.object(pipeline, "tokenizer_for", return_value=word_tokenizer()),
    ):
        app.worker_main(
            ["worker", "-Q", queue, "-P", "threads", "-n", f"{queue}@%h", "-l", "INFO",
             "--without-gossip", "--without-mingle"]
        )  # fmt: skip


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]))
