from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import numpy as np
import pytest

from ingestion import embedding
from ingestion.embedding import HttpEmbedder, get_embedder, http_embedder, unit
from ingestion.errors import EmbedderUnavailable
from tests.fakes import HashEmbedder


class ModelServer(BaseHTTPRequestHandler):
    """Speaks as much of the protocol as embeddings need; ``reply`` changes it."""

    status = 200
    extra: dict[str, Any] = {}
    seen: list[dict[str, Any]] = []
    keys: list[str | None] = []

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.seen.append({"path": self.path, **body})
        self.keys.append(self.headers["Authorization"])
        rows = HashEmbedder().embed_passages(body["input"]) * 3
        data = [{"index": i, "embedding": row.tolist()} for i, row in enumerate(rows)]
        answer = json.dumps({"data": data[::-1], "model": body["model"], **self.extra})
        self.send_response(self.status)
        self.end_headers()
        self.wfile.write(answer.encode())

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[str]:
    ModelServer.status, ModelServer.extra = 200, {}
    ModelServer.seen, ModelServer.keys = [], []
    running = HTTPServer(("127.0.0.1", 0), ModelServer)
    thread = threading.Thread(target=running.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{running.server_port}/v1"
    running.shutdown()
    thread.join()
    running.server_close()


@pytest.fixture
def client(server: str) -> Iterator[HttpEmbedder]:
    made = HttpEmbedder(
        server, "key", name="minilm", digest="a" * 64, dimension=384, window=256
    )
    yield made
    made.close()


def test_vectors_come_in_order_and_of_length_one(client):
    texts = ["pump oil", "cats sleep", "paid invoices"]
    np.testing.assert_allclose(
        client.embed_passages(texts), HashEmbedder().embed_passages(texts), atol=1e-6
    )
    assert client.embed_question("pump").shape == (384,)
    assert client.embed_passages([]).shape == (0, 384)
    assert ModelServer.seen[0]["path"] == "/v1/embeddings"
    assert ModelServer.seen[0]["model"] == "minilm"
    assert set(ModelServer.keys) == {"Bearer key"}


def test_other_weights_are_refused(client):
    ModelServer.extra = {"digest": "b" * 64}
    with pytest.raises(EmbedderUnavailable, match="another model"):
        client.embed_question("pump")


def test_another_dimension_is_refused(server):
    made = HttpEmbedder(
        server, "", name="mpnet", digest="a" * 64, dimension=768, window=384
    )
    with pytest.raises(EmbedderUnavailable, match="another model"):
        made.embed_question("pump")
    made.close()


@pytest.mark.parametrize("extra", [{"data": "?"}, {"data": [{"embedding": []}]}])
def test_an_answer_of_another_form_is_refused(client, extra):
    ModelServer.extra = extra
    with pytest.raises(EmbedderUnavailable, match="not understood"):
        client.embed_question("pump")


def test_a_refusal_or_silence_is_unavailable(client):
    ModelServer.status = 503
    with pytest.raises(EmbedderUnavailable):
        client.embed_question("pump")
    nobody = HttpEmbedder(
        "http://127.0.0.1:1", "", name="m", digest="a" * 64, dimension=384, window=256
    )
    with pytest.raises(EmbedderUnavailable) as caught:
        nobody.embed_question("pump")
    assert caught.value.retryable
    nobody.close()


def test_the_settings_choose_where_questions_are_embedded(settings, monkeypatch):
    settings.MODEL_SERVER_URL = "http://127.0.0.1:1/v1"
    found = get_embedder()
    assert isinstance(found, HttpEmbedder)
    assert get_embedder() is found
    found.close()
    http_embedder.cache_clear()
    settings.MODEL_SERVER_URL = ""
    monkeypatch.setattr(embedding, "_load", lambda name: name)
    assert get_embedder() == settings.EMBEDDER


def test_a_zero_vector_becomes_one_that_can_be_indexed():
    rows = unit(np.array([[0, 0, 0], [0, 3, 4]]))
    np.testing.assert_allclose(rows, [[1, 0, 0], [0, 0.6, 0.8]], atol=1e-6)


def test_services_tasks_and_embedding_load_without_torch():
    code = (
        "import django, sys; django.setup();"
        "import ingestion.services, ingestion.selectors, ingestion.tasks;"
        "import ingestion.embedding, ingestion.pipeline, ingestion.sweeping;"
        "print([m for m in ('torch', 'transformers', 'llama_cpp') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60
    )
    assert (done.stdout.strip(), done.stderr) == ("[]", "")
