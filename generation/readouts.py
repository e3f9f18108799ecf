"""What a model's next word says beside the word itself, of a claim that it judges. Pure.

A model can be surer that a claim is false than its "true" or "false" shows: a linear reading
of its hidden state tells more (Azaria and Mitchell 2023, "The Internal State of an LLM Knows
When It's Lying"). Logits are linear in the last hidden state, so the log-probabilities of
some hundred tokens, spread evenly over the vocabulary, stand for it, and any server of ours
can tell them. The weights are fitted to judged claims by `manage.py evaluate claims --fit`.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

FOLDER = Path(__file__).parent / "fitted"
#: The tokens that are read, spread over those that every vocabulary has. Fitted to 1,000
#: claims, 256 of them told less (area 0.864 on other questions), 1,024 no more (0.876).
TOKEN_IDS = tuple(range(0, 512 * 62, 62))


@dataclass(frozen=True, slots=True, kw_only=True)
class Readout:
    """A weighted sum of log-probabilities of one model; above 0 it holds the claim for true.

    Attributes:
        weights: one for each of ``TOKEN_IDS``.
    """

    intercept: float
    weights: tuple[float, ...]

    def read(self, logprobs: Sequence[float]) -> float | None:
        """Return the sum, or None from a server that does not tell these tokens."""
        if len(logprobs) != len(self.weights):
            return None
        pairs = zip(self.weights, logprobs, strict=True)
        return self.intercept + sum(weight * logprob for weight, logprob in pairs)


@cache
def readout_of(model: str) -> Readout | None:
    """Return what was fitted for the model called ``model`` in the catalogue, if anything."""
    path = FOLDER / f"{model}.json"
    if not path.is_file():
        return None
    found = json.loads(path.read_text())
    return Readout(intercept=found["intercept"], weights=tuple(found["weights"]))
