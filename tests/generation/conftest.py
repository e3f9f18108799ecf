"""What tests of the model server share: a client for the ``model`` of their file."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from generation.llm import HttpLanguageModel
from tests.generation.model_server import client


@pytest.fixture
def http(model: HttpLanguageModel) -> Iterator[httpx.Client]:
    with client(model) as http:
        yield http
