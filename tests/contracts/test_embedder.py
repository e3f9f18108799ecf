"""What every embedder promises, checked on the fake and on the real one."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import psutil
import pytest

from ingestion.embedding import Embedder, batches, load_embedder, tokenizer_for
from ingestion.embedding_process import start_embedder
from ingestion.errors import EmbedderUnavailable
from rag_site.weights import CATALOGUE, WeightsMissing, locate
from tests.fakes import HashEmbedder

NAME = "all-minilm-l6-v2"
TEXTS = [
    "The pump holds forty litres of oil.",
    "Cats sleep for most of the day.",
    "Invoices are paid within thirty days.",
    "",
    "x",
]


def real_embedder() -> Embedder:
    try:
        locate(NAME)
    except WeightsMissing as exc:
        pytest.skip(exc.message)
    return load_embedder(NAME)


def process() -> Embedder:
    real_embedder()
    return start_embedder(NAME)


_MADE = {"fake": HashEmbedder, "real": real_embedder, "process": process}


@pytest.fixture(
    params=[
        "fake",
        pytest.param("real", marks=pytest.mark.models),
        pytest.param("process", marks=pytest.mark.models),
    ]
)
def embedder(request: pytest.FixtureRequest) -> Embedder:
    return _MADE[request.param]()


def test_it_says_what_it_is(embedder):
    assert embedder.name
    assert re.fullmatch("[0-9a-f]{64}", embedder.digest)
    assert embedder.dimension == 384
    assert embedder.max_tokens == 256


def test_one_vector_a_text_of_length_one_in_float32(embedder):
    vectors = embedder.embed_passages(TEXTS)
    assert vectors.shape == (len(TEXTS), embedder.dimension)
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    question = embedder.embed_question("How much oil does the pump hold?")
    assert (question.shape, question.dtype) == ((embedder.dimension,), np.float32)
    assert np.linalg.norm(question) == pytest.approx(1, abs=1e-5)


def test_nothing_gives_no_vectors(embedder):
    assert embedder.embed_passages([]).shape == (0, embedder.dimension)


def test_the_order_is_that_of_the_texts(embedder):
    texts = [*TEXTS, "A longer text about the oil of the pump. " * 9, "Short."] * 3
    vectors = embedder.embed_passages(texts)
    for text, vector in zip(texts, vectors, strict=True):
        alone = embedder.embed_passages([text])[0]
        # Batches of other widths round differently in bfloat16.
        assert vector @ alone > 0.995


def test_the_same_text_gives_the_same_vector(embedder):
    first, second = (embedder.embed_passages(TEXTS) for _ in range(2))
    np.testing.assert_array_equal(first, second)


def test_a_question_is_nearest_to_the_passage_that_answers_it(embedder):
    vectors = embedder.embed_passages(TEXTS[:3])
    for question, answer in [
        ("How many litres of oil does the pump hold?", 0),
        ("How long do cats sleep in a day?", 1),
        ("When are invoices paid?", 2),
    ]:
        assert int(np.argmax(vectors @ embedder.embed_question(question))) == answer


def test_a_text_beyond_the_window_counts_up_to_there(embedder):
    words = "pump oil litre tank valve gauge filter "
    inside, beyond = words * 60, words * 60 + "cats sleep all day " * 200
    vectors = embedder.embed_passages([inside, beyond])
    np.testing.assert_allclose(vectors[0], vectors[1], atol=1e-2)


@pytest.mark.models
def test_the_digest_is_that_of_the_catalogue():
    assert real_embedder().digest == CATALOGUE[NAME].digest


@pytest.mark.models
def test_the_tokenizer_counts_beyond_its_training_limits():
    real_embedder()
    assert len(tokenizer_for(NAME).encode("word " * 1000).ids) == 1002


@pytest.mark.models
def test_both_precisions_mean_the_same():
    from ingestion.embedding import SentenceTransformerEmbedder

    real_embedder()
    vectors = [
        SentenceTransformerEmbedder(
            locate(NAME), name=NAME, digest="0" * 64, precision=precision
        ).embed_passages(TEXTS[:3])
        for precision in ("float32", "bfloat16")
    ]
    assert min(np.sum(vectors[0] * vectors[1], axis=1)) > 0.99


@pytest.mark.models
def test_the_vectors_are_those_of_the_library():
    embedder = real_embedder()
    texts = [*TEXTS, "A longer text about the oil of the pump. " * 9, "oil " * 400]
    theirs = embedder.model.encode_document(texts, normalize_embeddings=True)
    cosines = np.sum(embedder.embed_passages(texts) * theirs, axis=1)
    # Batches of other widths round differently in bfloat16.
    assert min(cosines) > 0.995


@pytest.mark.models
def test_threads_that_ask_at_once_each_get_their_own():
    embedder = process()
    texts = [f"Note {n} about {word}." for n, word in enumerate("abcdefghijkl")]
    alone = [embedder.embed_passages([text])[0] for text in texts]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda text: embedder.embed_passages([text]), texts))
    for before, (vector,) in zip(alone, together, strict=True):
        assert before @ vector > 0.995


@pytest.mark.models
def test_a_killed_process_is_an_error_that_passes():
    embedder = process()
    embedder.embed_question("Is it there?")
    embedder._process.kill()
    with pytest.raises(EmbedderUnavailable):
        embedder.embed_passages(["one", "two"])
    assert embedder.embed_passages(["one"]).shape == (1, embedder.dimension)


@pytest.mark.models
def test_what_fails_there_fails_for_each_who_waited(monkeypatch):
    embedder = process()
    with monkeypatch.context() as patched:
        patched.setattr(embedder, "_asked", lambda *_: 1 / 0)
        for _ in range(2):
            with pytest.raises(ZeroDivisionError):
                embedder.embed_passages(["one"])
    assert embedder.embed_passages(["one"]).shape == (1, embedder.dimension)


@pytest.mark.models
def test_the_process_ends_with_the_one_that_started_it():
    embedder = process()
    code = (
        "import django, os, signal; django.setup(); "
        "from ingestion.embedding_process import start_embedder; "
        f"embedder = start_embedder({embedder.name!r}); "
        "print(embedder._process.pid, embedder.precision, flush=True); "
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    pid = int(done.stdout.split()[0])
    deadline = time.monotonic() + 30
    while psutil.pid_exists(pid) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not psutil.pid_exists(pid)


@pytest.mark.parametrize("most", [1, 3, 8])
def test_batches_hold_every_row_once_with_little_padding(most):
    lengths = [3, 200, 198, 10, 90, 91, 95, 9, 9, 9, 9, 150]
    found = list(batches(lengths, most))
    assert sorted(row for rows in found for row in rows) == list(range(len(lengths)))
    for rows in found:
        held = [lengths[row] for row in rows]
        assert len(rows) <= most
        assert max(held) <= min(held) * 1.1 + 3
