"""The GGUF weights and one context of llama.cpp: the only file that calls it.

Nothing here is thread-safe except ``tokenize``: one thread owns a ``Weights``.
"""

from __future__ import annotations

import ctypes
import logging
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import llama_cpp

from generation.server.memory import check_memory
from rag_site.errors import Unavailable

logger = logging.getLogger(__name__)

# Tokens evaluated in one call: also how soon a cancel is seen without a callback.
BATCH_TOKENS = 256
# llama_decode was ended by the abort callback.
ABORTED = 2


class WeightsUnusable(Unavailable):
    """The model file could not be loaded. Run `manage.py models verify`, then start again."""

    code = "weights_unusable"


class EvaluationFailed(Exception):
    """llama_decode returned an error; the context must be cleared."""


class Cancelled(Exception):
    """The caller asked to stop while tokens were being evaluated."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampling:
    """How the next token is chosen; temperature 0 takes the likeliest."""

    temperature: float = 0.0
    top_k: int = 40
    top_p: float = 1.0
    min_p: float = 0.0
    seed: int = 1


class Sampler:
    """A native chain of samplers; free it with ``close``."""

    def __init__(self, sampling: Sampling) -> None:
        self.handle = llama_cpp.llama_sampler_chain_init(
            llama_cpp.llama_sampler_chain_default_params()
        )
        for part in _chain(sampling):
            llama_cpp.llama_sampler_chain_add(self.handle, part)

    def close(self) -> None:
        if self.handle is not None:
            llama_cpp.llama_sampler_free(self.handle)
            self.handle = None


def _chain(sampling: Sampling) -> list[Any]:
    if sampling.temperature == 0:
        return [llama_cpp.llama_sampler_init_greedy()]
    parts = []
    if sampling.top_k:
        parts.append(llama_cpp.llama_sampler_init_top_k(sampling.top_k))
    return [
        *parts,
        llama_cpp.llama_sampler_init_top_p(sampling.top_p, 1),
        llama_cpp.llama_sampler_init_min_p(sampling.min_p, 1),
        llama_cpp.llama_sampler_init_temp(sampling.temperature),
        llama_cpp.llama_sampler_init_dist(sampling.seed),
    ]


def available_threads(wanted: int) -> int:
    """Return ``wanted``, or all cores this process may use for 0."""
    return wanted or len(os.sched_getaffinity(0))


class Weights:
    """A loaded model with one context of ``context_tokens`` tokens."""

    def __init__(
        self, path: Path, *, context_tokens: int, threads: int = 0, gpu_layers: int = -1
    ) -> None:
        llama_cpp.llama_log_set(_log, None)
        llama_cpp.llama_backend_init()
        self._aborts: Callable[[], bool] | None = None
        self.gpu_layers = gpu_layers if llama_cpp.llama_supports_gpu_offload() else 0
        if self.gpu_layers == 0:
            check_memory(path, context_tokens=context_tokens)
        self._model = self._load(path)
        self._vocab = llama_cpp.llama_model_get_vocab(self._model)
        trained = llama_cpp.llama_model_n_ctx_train(self._model)
        self.context = self._open(min(context_tokens, trained), threads)
        self.context_tokens: int = llama_cpp.llama_n_ctx(self.context)
        self._memory = llama_cpp.llama_get_memory(self.context)
        # Tokens evaluated so far.
        self.evaluated = 0

    def _load(self, path: Path) -> Any:
        params = llama_cpp.llama_model_default_params()
        params.n_gpu_layers = self.gpu_layers
        progress = _progress_logger(path.name)
        params.progress_callback = progress
        model = llama_cpp.llama_model_load_from_file(os.fsencode(path), params)
        if not model:
            raise WeightsUnusable
        return model

    def _open(self, tokens: int, threads: int) -> Any:
        params = llama_cpp.llama_context_default_params()
        params.n_ctx = tokens
        params.n_batch = params.n_ubatch = BATCH_TOKENS
        params.n_threads = params.n_threads_batch = available_threads(threads)
        params.no_perf = True
        context = llama_cpp.llama_init_from_model(self._model, params)
        if not context:
            raise WeightsUnusable
        # Kept on the object: ctypes frees a callback that nobody holds.
        self._callback = llama_cpp.llama_cpp.ggml_abort_callback(self._is_aborted)
        self._no_callback = llama_cpp.llama_cpp.ggml_abort_callback(0)
        return context

    def _is_aborted(self, _data: object) -> bool:
        return self._aborts is not None and self._aborts()

    def tokenize(self, text: str, *, is_special: bool = False) -> list[int]:
        """Return tokens; special tokens in ``text`` stay text unless ``is_special``."""
        raw = text.encode("utf-8", errors="replace")
        room = len(raw) + 8  # A token holds at least one byte.
        tokens = (llama_cpp.llama_token * room)()
        count = llama_cpp.llama_tokenize(
            self._vocab, raw, len(raw), tokens, room, False, is_special
        )
        if count < 0:
            raise EvaluationFailed(f"tokenize returned {count}")
        return list(tokens[:count])

    def piece(self, token: int) -> bytes:
        """Return the bytes of a token; special tokens give none."""
        room = 64
        while True:
            buffer = ctypes.create_string_buffer(room)
            count = llama_cpp.llama_token_to_piece(
                self._vocab, token, buffer, room, 0, False
            )
            if count >= 0:
                return buffer.raw[:count]
            room = -count

    def is_end(self, token: int) -> bool:
        return bool(llama_cpp.llama_vocab_is_eog(self._vocab, token))

    def keep(self, count: int) -> None:
        """Forget everything evaluated after the first ``count`` tokens."""
        if count == 0:
            llama_cpp.llama_memory_clear(self._memory, True)
        elif not llama_cpp.llama_memory_seq_rm(self._memory, 0, count, -1):
            raise EvaluationFailed("the context cannot be cut")

    def evaluate(self, tokens: Sequence[int]) -> None:
        """Evaluate at most ``BATCH_TOKENS`` tokens after those in the context."""
        array = (llama_cpp.llama_token * len(tokens))(*tokens)
        batch = llama_cpp.llama_batch_get_one(array, len(tokens))
        code = llama_cpp.llama_decode(self.context, batch)
        if code == ABORTED:
            raise Cancelled
        if code != 0:
            raise EvaluationFailed(f"llama_decode returned {code}")
        self.evaluated += len(tokens)

    def evaluate_prompt(
        self, tokens: Sequence[int], aborts: Callable[[], bool]
    ) -> None:
        """Evaluate a prompt in batches, stopping within a layer when told to.

        The callback is set for prompts only: in single steps its calls would
        cost some per cent of the decoding speed.

        Raises:
            Cancelled: ``aborts`` returned True; the context must be cleared.
        """
        self._aborts = aborts
        set_callback = llama_cpp.llama_set_abort_callback
        set_callback(self.context, self._callback, None)
        try:
            for start in range(0, len(tokens), BATCH_TOKENS):
                if aborts():
                    raise Cancelled
                self.evaluate(tokens[start : start + BATCH_TOKENS])
        finally:
            set_callback(self.context, self._no_callback, None)
            self._aborts = None

    def sample(self, sampler: Sampler) -> int:
        """Choose the next token from the last evaluated position."""
        return int(llama_cpp.llama_sampler_sample(sampler.handle, self.context, -1))

    def close(self) -> None:
        llama_cpp.llama_free(self.context)
        llama_cpp.llama_model_free(self._model)


@llama_cpp.llama_log_callback  # type: ignore[untyped-decorator]  # ctypes
def _log(_level: int, text: bytes, _data: object) -> None:
    """Keep the library's chatter, which also calls each cancel an error, at DEBUG."""
    logger.debug("%s", text.decode("utf-8", errors="replace").rstrip())


def _progress_logger(name: str) -> Any:
    """Return a native callback that logs each quarter of the load once."""
    seen = -1

    def report(share: float, _data: object) -> bool:
        nonlocal seen
        if int(share * 4) > seen:
            seen = int(share * 4)
            logger.info("loading %s %d %%", name[:16], seen * 25)
        return True

    return llama_cpp.llama_cpp.llama_progress_callback(report)
