"""The real model server over real weights in a process of its own, for tests."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest

from generation.llm import HttpLanguageModel
from generation.serving import started
from rag_site.weights import WeightsMissing, locate

# Reads fastest; what it says does not matter to a protocol test.
SMALLEST = "smollm2-135m-instruct-q4_1"
FOUR_AT_ONCE = {
    "PLUMBLINE_MODEL_SLOTS": "4",
    "PLUMBLINE_MODEL_QUEUE": "60",
    "PLUMBLINE_CONTEXT_TOKENS": "1024",
}


@contextmanager
def served(
    name: str, *, embeds: bool = True, **environment: str
) -> Iterator[HttpLanguageModel]:
    """Start ``name`` with settings changed; skip, with the reason, without weights.

    It restores nothing that another test's server has read, unless it is told to: the
    same prompt at another place in the cache may round otherwise.
    """
    try:
        locate(name)
    except WeightsMissing as missing:
        pytest.skip(missing.message)
    with pytest.MonkeyPatch.context() as patched:
        chosen = {"PLUMBLINE_KEEP_PREFIXES": "0", **environment}
        for key, value in chosen.items():
            patched.setenv(key, value)
        with started(name, embeds=embeds) as model:
            yield model


def client(model: HttpLanguageModel) -> httpx.Client:
    return httpx.Client(
        base_url=model.url,
        headers={"Authorization": f"Bearer {model.key}"},
        timeout=120,
    )
