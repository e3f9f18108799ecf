"""The GGUF weights and one context of llama.cpp: with ``sampling`` the only file that calls it.

Nothing here is thread-safe except ``tokenize``: one thread owns a ``Weights``.
"""

from __future__ import annotations

import ctypes
import logging
import math
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import llama_cpp
import numpy as np

from generation.server.adapters import Adapter
from generation.server.jobs import Chance, Sampling
from generation.server.kept import State
from generation.server.sampling import Sampler, likeliest, logits_of
from rag_site.errors import Unavailable
from rag_site.machine import usable_cores

logger = logging.getLogger(__name__)

# Most tokens evaluated in one call.
BATCH_TOKENS = 256
# Sequences beside those that answer: what is kept goes out and in through it.
_ASIDE = 1
# Most rows with a result in one step: next tokens, drafts, scored tokens. One more
# for each prompt whose reading ends there.
RESULTS = 48
# Batches of fewer tokens are over too soon to be worth an abort callback, whose
# calls cost some per cent of the decoding speed.
_ABORTABLE_TOKENS = 32
# Steps that are timed at the start, in how many rounds, and after how long that ends.
_MEASURED_ROWS, _MEASURED_ROUNDS, _MEASURED_S = (1, 16, 8, 4, 2, 24), 5, 3.0
_BYTES = ctypes.POINTER(ctypes.c_uint8)
# What llama_decode returns.
_NO_ROOM, _ABORTED = 1, 2


class WeightsUnusable(Unavailable):
    """The model file could not be loaded. Run `manage.py models verify`, then start again."""

    code = "weights_unusable"


class EvaluationFailed(Exception):
    """llama_decode returned an error; the context must be cleared."""


class Cancelled(Exception):
    """The caller asked to stop; nothing of the batch is in the cache."""


class Row(NamedTuple):
    """A token of a batch; with ``wants_result`` a token can be chosen after it."""

    token: int
    position: int
    sequence: int
    wants_result: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """What a context is built for.

    Attributes:
        context_tokens: most tokens of one request, prompt and answer.
        slots: requests that are answered at the same time.
        cells: tokens in the cache, of all sequences; 0 takes ``context_tokens``.
        threads: 0 all cores.
        split: share of the layers of each GPU, where there are several.
    """

    context_tokens: int
    slots: int = 1
    cells: int = 0
    threads: int = 0
    gpu_layers: int = -1
    split: tuple[float, ...] = ()


def available_threads(wanted: int) -> int:
    """Return ``wanted``, or all cores this process may use for 0."""
    return wanted or usable_cores()


class Weights:
    """A loaded model with one context, whose cache all sequences share.

    Whether it fits is asked before, by ``ServerConfig.plan``.
    """

    def __init__(self, path: Path, shape: Shape) -> None:
        llama_cpp.llama_log_set(log_quietly, None)
        llama_cpp.llama_backend_init()
        self._aborts: Callable[[], bool] | None = None
        self.gpu_layers = (
            shape.gpu_layers if llama_cpp.llama_supports_gpu_offload() else 0
        )
        self._model = self._load(path, shape.split)
        self._adapters: dict[str, Any] = {}
        self._breaks: dict[int, bool] = {}
        self._used = ""
        self._vocab = llama_cpp.llama_model_get_vocab(self._model)
        trained = llama_cpp.llama_model_n_ctx_train(self._model)
        self.context_tokens: int = min(shape.context_tokens, trained)
        self.slots = shape.slots
        self.sequences = shape.slots + _ASIDE
        self.batch_tokens = BATCH_TOKENS
        self.context = self._open(shape)
        self.cells: int = llama_cpp.llama_n_ctx(self.context)
        self._memory = llama_cpp.llama_get_memory(self.context)
        self._size: int = llama_cpp.llama_vocab_n_tokens(self._vocab)
        self.longest_token_bytes = max(
            len(self.piece(token, is_special=True)) for token in range(self._size)
        )
        self._batch = llama_cpp.llama_batch_init(BATCH_TOKENS, 0, 1)
        # Tokens evaluated so far.
        self.evaluated = 0

    def add_adapters(self, found: Sequence[Adapter]) -> None:
        """Load adapters beside the weights; one that does not fit them is left out."""
        for adapter in found:
            handle = llama_cpp.llama_adapter_lora_init(
                self._model, os.fsencode(adapter.path)
            )
            if handle:
                self._adapters[adapter.name] = handle
            else:
                logger.warning("adapter %s does not fit this model", adapter.name)

    @property
    def adapters(self) -> frozenset[str]:
        return frozenset(self._adapters)

    def use(self, adapter: str) -> None:
        """Apply ``adapter`` to the steps that follow, "" for none."""
        if adapter == self._used:
            return
        handles = [self._adapters[adapter]] if adapter else []
        array = (llama_cpp.llama_adapter_lora_p_ctypes * len(handles))(
            *(ctypes.cast(h, llama_cpp.llama_adapter_lora_p_ctypes) for h in handles)
        )
        scales = (ctypes.c_float * len(handles))(*(1.0 for _ in handles))
        code = llama_cpp.llama_set_adapters_lora(
            self.context, array, len(handles), scales
        )
        if code != 0:
            raise EvaluationFailed(f"the adapter returned {code}")
        self._used = adapter

    def _load(self, path: Path, split: Sequence[float]) -> Any:
        params = llama_cpp.llama_model_default_params()
        params.n_gpu_layers = self.gpu_layers
        if split:
            shares = (ctypes.c_float * llama_cpp.llama_max_devices())(*split)
            params.tensor_split = shares
        progress = _progress_logger(path.name)
        params.progress_callback = progress
        model = llama_cpp.llama_model_load_from_file(os.fsencode(path), params)
        if not model:
            raise WeightsUnusable
        return model

    def _open(self, shape: Shape) -> Any:
        params = llama_cpp.llama_context_default_params()
        params.n_ctx = max(shape.cells, self.context_tokens)
        params.n_batch = params.n_ubatch = BATCH_TOKENS
        params.n_seq_max = self.sequences
        params.n_outputs_max = max(RESULTS + shape.slots, self.sequences)
        # One buffer for all: a shared prefix lies in it once.
        params.kv_unified = True
        params.n_threads = params.n_threads_batch = available_threads(shape.threads)
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

    def piece(self, token: int, *, is_special: bool = False) -> bytes:
        """Return the bytes of a token; special ones give none unless ``is_special``."""
        room = 64
        while True:
            buffer = ctypes.create_string_buffer(room)
            count = llama_cpp.llama_token_to_piece(
                self._vocab, token, buffer, room, 0, is_special
            )
            if count >= 0:
                return buffer.raw[:count]
            room = -count

    def is_break(self, token: int) -> bool:
        """Whether a sentence or a line ends with ``token``."""
        if token not in self._breaks:
            text = self.piece(token)
            ends = text.rstrip().endswith((b".", b"!", b"?"))
            self._breaks[token] = ends or b"\n" in text
        return self._breaks[token]

    def is_end(self, token: int) -> bool:
        return bool(llama_cpp.llama_vocab_is_eog(self._vocab, token))

    def share(self, source: int, target: int, *, start: int, end: int) -> None:
        """Let ``target`` hold the cells of ``source`` at positions start to end."""
        llama_cpp.llama_memory_seq_cp(self._memory, source, target, start, end)

    def cut(self, sequence: int, start: int) -> None:
        """Drop what ``sequence`` holds from position ``start`` on."""
        if not llama_cpp.llama_memory_seq_rm(self._memory, sequence, start, -1):
            raise EvaluationFailed("the cache cannot be cut")

    def state(self, sequence: int) -> State:
        """Return what ``sequence`` holds, for ``restore``; empty if it cannot be had."""
        size = llama_cpp.llama_state_seq_get_size(self.context, sequence)
        state = np.empty(size, np.uint8)
        wrote = llama_cpp.llama_state_seq_get_data(
            self.context, state.ctypes.data_as(_BYTES), size, sequence
        )
        return state.data if wrote == size else b""

    def restore(self, sequence: int, state: State) -> bool:
        """Let the empty ``sequence`` hold what another held; False if it does not fit."""
        lent = np.frombuffer(state, np.uint8)  # not a copy
        read = llama_cpp.llama_state_seq_set_data(
            self.context, lent.ctypes.data_as(_BYTES), len(state), sequence
        )
        return bool(read == len(state))

    def clear(self) -> None:
        llama_cpp.llama_memory_clear(self._memory, True)

    def evaluate(self, rows: Sequence[Row], aborts: Callable[[], bool]) -> None:
        """Evaluate at most ``batch_tokens`` rows, of any sequences, in one step.

        Raises:
            Cancelled: ``aborts`` returned True, which it is asked between layers.
            EvaluationFailed: nothing of any sequence can be relied on.
        """
        self._fill(rows)
        is_abortable = len(rows) >= _ABORTABLE_TOKENS
        if is_abortable:
            self._aborts = aborts
            llama_cpp.llama_set_abort_callback(self.context, self._callback, None)
        try:
            code = llama_cpp.llama_decode(self.context, self._batch)
            # A GPU computes on after that: only here a hang of it is one of the step,
            # and the step as long as it took.
            llama_cpp.llama_synchronize(self.context)
        finally:
            if is_abortable:
                llama_cpp.llama_set_abort_callback(
                    self.context, self._no_callback, None
                )
                self._aborts = None
        if code == _ABORTED:
            raise Cancelled
        if code != 0:
            what = "found no room" if code == _NO_ROOM else f"returned {code}"
            raise EvaluationFailed(f"llama_decode {what}")
        self.evaluated += len(rows)

    def _fill(self, rows: Sequence[Row]) -> None:
        batch = self._batch
        batch.n_tokens = len(rows)
        for index, row in enumerate(rows):
            batch.token[index] = row.token
            batch.pos[index] = row.position
            batch.n_seq_id[index] = 1
            batch.seq_id[index][0] = row.sequence
            batch.logits[index] = row.wants_result

    def step_seconds(self) -> dict[int, float]:
        """Return how long steps of some sizes take; at least two, on an empty cache.

        The least of rounds through all sizes: what else the machine does for a second
        would make one size look dear beside the next.
        """
        found: dict[int, float] = {}
        self._timed(1)  # reads the weights from disk
        began = time.monotonic()
        for rows in _MEASURED_ROUNDS * _MEASURED_ROWS:
            if len(found) > 1 and time.monotonic() - began > _MEASURED_S:
                break
            found[rows] = min(found.get(rows, math.inf), self._timed(rows))
        return found

    def _timed(self, rows: int) -> float:
        batch = [Row(1, place, 0, True) for place in range(rows)]
        started = time.perf_counter()
        self.evaluate(batch, lambda: False)
        took = time.perf_counter() - started
        self.clear()
        return took

    def sampler(self, sampling: Sampling) -> Sampler:
        return Sampler(sampling, self._vocab, self.context)

    @property
    def vocabulary(self) -> int:
        return self._size

    def chance(
        self, row: int, token: int, others: int, wanted: Sequence[int] = ()
    ) -> Chance:
        """Return how likely ``token`` was after ``row``, the ``others`` likeliest, and those ``wanted``."""
        logits = logits_of(self.context, row, self._size).astype(np.float64)
        top = logits.max()
        logs = logits - top - np.log(np.exp(logits - top).sum())
        return Chance(
            token=self.piece(token),
            logprob=float(logs[token]),
            others=tuple(
                (self.piece(int(t)), float(logs[t])) for t in likeliest(logs, others)
            ),
            wanted=tuple(logs[list(wanted)].tolist()) if wanted else (),
        )

    def close(self) -> None:
        llama_cpp.llama_batch_free(self._batch)
        llama_cpp.llama_free(self.context)
        llama_cpp.llama_model_free(self._model)


@llama_cpp.llama_log_callback  # type: ignore[untyped-decorator]  # ctypes
def log_quietly(_level: int, text: bytes, _data: object) -> None:
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
