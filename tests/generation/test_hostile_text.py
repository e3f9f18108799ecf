"""Text made to be slow: nothing that meets it here may take its square.

What reads files has limits of its own; these are used where there are none.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest

from generation.estimating import estimate_tokens
from ingestion.counting import _stretches
from retrieval.copies import _FIGURE
from retrieval.topics import pieces_of

MOST_S = 0.5


@pytest.mark.parametrize(
    ("read", "text"),
    [
        (lambda text: list(_stretches(text)), "x" + "\n" * 20_000 + " y"),
        (estimate_tokens, "x" + "\t" * 20_000 + "y"),
        (pieces_of, "x" + " " * 20_000 + "y"),
        (_FIGURE.findall, "x" * 20_000),
    ],
)
def test_a_long_run_is_looked_at_once(read: Callable[[str], Any], text: str) -> None:
    began = time.thread_time()
    read(text)
    assert time.thread_time() - began < MOST_S
