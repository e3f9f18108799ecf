"""What a person sees at a terminal or in a log file: progress, prefixed lines."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import IO

from rag_site.weights_sources import Progress

# Seconds between two lines where the output is no terminal.
_LINE_EVERY_S = 10.0


@contextmanager
def shown_progress(title: str, stream: IO[str] | None = None) -> Iterator[Progress]:
    """Yield a function to call with bytes done and bytes in all.

    Nothing is shown until it is called, so that a model that is here already
    leaves no trace.
    """
    out = stream or sys.stderr
    shown = _bar(title, out) if out.isatty() else _lines(title, out)
    with shown as progress:
        yield progress


@contextmanager
def _bar(title: str, out: IO[str]) -> Iterator[Progress]:
    from tqdm import tqdm

    bars: list[tqdm] = []

    def progress(done: int, total: int) -> None:
        if not bars:
            bars.append(
                tqdm(desc=title, total=total, unit="B", unit_scale=True, file=out)
            )
        bars[0].update(min(done, total) - bars[0].n)

    try:
        yield progress
    finally:
        for bar in bars:
            bar.close()


@contextmanager
def _lines(title: str, out: IO[str]) -> Iterator[Progress]:
    started = last = time.monotonic()
    first: list[int] = []

    def progress(done: int, total: int) -> None:
        nonlocal last
        now = time.monotonic()
        if first and now - last < _LINE_EVERY_S and done < total:
            return
        last = now
        first.append(done)
        speed = (done - first[0]) / max(now - started, 0.001)
        left = (
            f", {(total - done) / speed:.0f} s left"
            if speed > 0 and done < total
            else ""
        )
        out.write(f"{title}: {done / total:.0%} of {total / 1e6:,.0f} MB{left}\n")
        out.flush()

    yield progress


class Console:
    """Writes the lines of several processes, each under its name and colour."""

    _COLOURS = (36, 35, 34, 33, 32, 96, 95, 94)

    def __init__(self, names: Sequence[str], stream: IO[str] | None = None) -> None:
        self._out = stream or sys.stderr
        self._width = max(len(name) for name in names)
        self._colour = dict(zip(names, self._COLOURS, strict=False))
        self._is_coloured = self._out.isatty() and not os.environ.get("NO_COLOR")

    def say(self, name: str, text: str) -> None:
        prefix = f"{name:<{self._width}} |"
        if self._is_coloured:
            prefix = f"\x1b[{self._colour.get(name, 37)}m{prefix}\x1b[0m"
        self._write(f"{prefix} {text}\n")

    def announce(self, lines: Sequence[str]) -> None:
        """Set lines apart from the logs."""
        body = "\n".join(f"  {line}" for line in lines)
        self._write(f"\n{body}\n\n")

    def _write(self, text: str) -> None:
        # A closed terminal or `| head` must not keep the site from stopping.
        with contextlib.suppress(OSError, ValueError):
            self._out.write(text)
            self._out.flush()
