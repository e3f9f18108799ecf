"""A bar in the terminal for documents that are being read."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from typing import Any
from uuid import UUID

from ingestion.leasing import AT_WORK, UNSETTLED
from ingestion.models import Document
from ingestion.selectors import Progress, progress_of_all

_POLL_S = 0.5
_NAME_CHARS = 32
_FORMAT = "{desc} |{bar}| {percentage:3.0f} %{postfix}"
# Seconds before the time left is worth showing.
_FIRST_ESTIMATE_S = 3.0

Work = Callable[[Sequence[UUID]], bool]


def wait_for(ids: Sequence[UUID], work: Work) -> None:
    """Return when every document has settled; draw a bar where a person looks on.

    Args:
        work: called with the ids that are open, in their order in the queue;
            returns whether it read any of them itself.
    """
    from tqdm import tqdm

    started = time.monotonic()
    with tqdm(
        total=len(ids), file=sys.stderr, disable=None, bar_format=_FORMAT, leave=False
    ) as bar:
        while True:
            waiting = _open(ids)
            if not bar.disable:
                _draw(bar, len(waiting), _at_work(waiting), time.monotonic() - started)
            if not waiting:
                return
            if not work(waiting):
                time.sleep(_POLL_S)


def _open(ids: Sequence[UUID]) -> list[UUID]:
    rows = Document.objects.filter(pk__in=ids, state__in=UNSETTLED)
    return list(rows.order_by("queued_at", "id").values_list("pk", flat=True))


def _at_work(ids: Sequence[UUID]) -> list[Document]:
    return list(Document.objects.filter(pk__in=ids, state__in=AT_WORK))


def _draw(
    bar: Any, waiting: int, at_work: Sequence[Document], elapsed_s: float
) -> None:
    found = progress_of_all(at_work)
    settled = bar.total - waiting
    bar.n = settled + sum(one.percent for one in found.values()) / 100
    bar.set_description_str(f"{settled} of {bar.total} files", refresh=False)
    left = _left_words(bar.n, bar.total, elapsed_s)
    busiest = max(at_work, key=lambda row: found[row.pk].percent, default=None)
    doing = _doing(busiest, found[busiest.pk]) if busiest else ""
    postfix = ", ".join(filter(None, [left, doing]))
    bar.set_postfix_str(postfix, refresh=False)
    bar.refresh()


def _left_words(done: float, total: int, elapsed_s: float) -> str:
    if not done or done >= total or elapsed_s < _FIRST_ESTIMATE_S:
        return ""
    left_s = elapsed_s * (total - done) / done
    words = f"{left_s / 60:.0f} min" if left_s >= 90 else f"{max(1, left_s):.0f} s"
    return f"about {words} left"


def _doing(document: Document, progress: Progress) -> str:
    """Say what is at work: "report.pdf page 120 of 500"."""
    name = document.name[:_NAME_CHARS]
    return f"{name} {progress.steps or f'{progress.percent} %'}"
