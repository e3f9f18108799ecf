"""Another embedding model, without downtime: a space built beside the live one.

``start`` makes the space, ``work`` fills it from the stored chunks, builds its
index, has it checked and makes it live in one transaction; ``roll_back`` takes the
same way back, and ``drop_retired`` ends it. What is done is in the database, so a
run that is killed is gone on with by the next one (docs/adr/0016).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db import OperationalError, connection, transaction
from django.utils import timezone
from pgvector import HalfVector

from ingestion import indexing
from ingestion.embedding import Embedder, Vectors, tokenizer_for
from ingestion.embedding_process import start_embedder
from ingestion.errors import IndexFailed, ReembedRefused, SpaceBusy
from ingestion.indexing import IndexConfig, partition_of
from ingestion.models import Chunk, EmbeddingSpace
from ingestion.spaces import Model, create_space, drop_space, live_space
from ingestion.yielding import wait_for_quiet

logger = logging.getLogger(__name__)

State, Step = EmbeddingSpace.State, EmbeddingSpace.Step

#: Asked for a space and its embedder: the share of test questions, 0 to 1, whose
#: passage is found; None if there is nothing to ask.
Check = Callable[[EmbeddingSpace, Embedder], float | None]
Load = Callable[[str], Embedder]

# Chunks embedded between two looks at waiting questions and at a cancellation.
_STRIDE = 32
# Seconds that one stride waits for questions being answered.
_MAX_YIELD_S = 10.0
# Of the longest chunks by the count of the model that they were cut for, so many
# are counted by the new model's tokenizer.
_LONGEST = 100
# A new model that finds fewer of the test questions' passages by more than this
# does not go live by itself: with 100 questions, three.
_RECALL_LOSS = 0.03
# A question that was embedded before the flip is searched in the old space after it.
_GRACE = timedelta(seconds=60)
# Any constant will do; it only has to differ from other advisory locks.
_WORK_LOCK = 7_305_003


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """Who follows the work.

    Attributes:
        progress: told after each stride, with the space as it is.
        is_over: asked after each stride: whether to leave the rest to a later run.
    """

    progress: Callable[[EmbeddingSpace], None] = lambda space: None
    is_over: Callable[[], bool] = lambda: False


class _Ended(Exception):
    """The space is built no longer, or not in this run."""


def building_space() -> EmbeddingSpace | None:
    return EmbeddingSpace.objects.filter(state=State.BUILDING).first()


def start(name: str, *, is_forced: bool = False) -> EmbeddingSpace:
    """Return the space being built for the model ``name``, made if there is none.

    Raises:
        ReembedRefused: it is live, another one is being built, its window is too
            short for the chunks, or there are no vectors yet.
        UnknownWeights, WeightsMissing, WeightsDamaged, SpaceBusy.
    """
    model, window = _described(name)
    live, building = live_space(), building_space()
    if live is None:
        raise ReembedRefused(
            f"There are no vectors yet. Set PLUMBLINE_EMBEDDER={name} instead."
        )
    if live.model_digest == model.digest:
        raise ReembedRefused(f"{name} is the live model already.")
    if building is not None and building.model_digest != model.digest:
        raise ReembedRefused(
            f"{building.model_name} is being built. Wait for it, or end it with "
            "`manage.py reembed --cancel`."
        )
    _check_window(name, window)
    if building is None:
        rows = EmbeddingSpace.objects.filter(
            state=State.RETIRED, model_digest=model.digest
        )
        building = rows.order_by("-pk").first() or create_space(model, State.BUILDING)
    _set(building, state=State.BUILDING, step=Step.WAITING, problem="")
    _set(building, is_forced=building.is_forced or is_forced)
    return building


def roll_back() -> EmbeddingSpace:
    """Begin the way back to the space that was live before; ``work`` does the rest.

    Raises:
        ReembedRefused: there is none, or another one is being built.
    """
    if building_space() is not None:
        raise ReembedRefused(
            "A space is being built. End it first with `manage.py reembed --cancel`."
        )
    retired = EmbeddingSpace.objects.filter(state=State.RETIRED, step=Step.DONE)
    space = retired.order_by("-changed_at").first()
    if space is None:
        raise ReembedRefused(
            "There is no earlier model to go back to: it was dropped, or the way back "
            "to it was cancelled. `manage.py reembed --model NAME` builds any model."
        )
    _set(space, state=State.BUILDING, step=Step.WAITING, problem="", is_forced=True)
    return space


def cancel() -> EmbeddingSpace:
    """Stop what is being built; it is dropped with what is retired."""
    space = building_space()
    if space is None:
        raise ReembedRefused("Nothing is being built.")
    _set(space, state=State.RETIRED, step=Step.STOPPED, is_forced=False)
    return space


def drop_retired() -> list[str]:
    """Drop every retired space at once; return the names of their models.

    Raises:
        ReembedRefused: one was live a moment ago, and questions may be in it.
        SpaceBusy: documents are being written; try again.
    """
    spaces = list(EmbeddingSpace.objects.filter(state=State.RETIRED))
    if any(timezone.now() - space.changed_at < _GRACE for space in spaces):
        raise ReembedRefused(
            "A model was live a minute ago, and questions may still use it. "
            "Try again in a minute."
        )
    for space in spaces:
        drop_space(space)
    return [space.model_name for space in spaces]


def work(
    check: Check, watch: Watch | None = None, *, load: Load = start_embedder
) -> bool:
    """Go on with the space being built until it is live; return whether it is.

    False too if there is nothing to do, if it was cancelled, or if the run is over.

    Raises:
        SpaceBusy: another process works on it.
        RagError: it cannot go on; why is also in the row.
    """
    space = building_space()
    if space is None or space.step == Step.STOPPED:
        return False
    with _alone():
        try:
            _build(space, check, watch or Watch(), load)
        except _Ended:
            return False
        except (ReembedRefused, IndexFailed) as exc:
            _set(space, step=Step.STOPPED, problem=exc.message[:500])
            raise
    logger.info("embedding space of %s is live", space.model_name)
    return True


def _build(space: EmbeddingSpace, check: Check, watch: Watch, load: Load) -> None:
    embedder = load(space.model_name)
    _fill(space, embedder, watch)
    _index(space, watch)
    _compare(space, embedder, check, watch, load)
    while not _go_live(space):
        # What was uploaded meanwhile.
        _fill(space, embedder, watch)


def _fill(space: EmbeddingSpace, embedder: Embedder, watch: Watch) -> None:
    """Embed every chunk that has no vector in ``space``."""
    _tell(space, watch, step=Step.EMBEDDING, **_count(space))
    after = 0
    while rows := _missing(space, after):
        wait_for_quiet(_MAX_YIELD_S)
        texts = [f"{heading}\n{text}" if heading else text for _, heading, text in rows]
        ids = [chunk for chunk, *_ in rows]
        _write(space, ids, embedder.embed_passages(texts))
        after = ids[-1]
        _tell(space, watch, done=space.done + len(rows))


def _count(space: EmbeddingSpace) -> dict[str, int]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM ingestion_chunk")
        (total,) = cursor.fetchone()
        cursor.execute(f"SELECT count(*) FROM {partition_of(space)}")  # noqa: S608
        (done,) = cursor.fetchone()
    return {"done": done, "total": total}


def _missing(space: EmbeddingSpace, after: int) -> list[tuple[int, str, str]]:
    """Return the next chunks after the id ``after``: id, heading and text."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT c.id, c.heading, c.text FROM ingestion_chunk c WHERE c.id > %s"  # noqa: S608
            f" AND NOT EXISTS (SELECT FROM {partition_of(space)} e"
            " WHERE e.chunk_id = c.id) ORDER BY c.id LIMIT %s",
            [after, _STRIDE],
        )
        return list(cursor.fetchall())


def _write(space: EmbeddingSpace, ids: Sequence[int], vectors: Vectors) -> None:
    """Write the vectors of the chunks that are still there."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {partition_of(space)} (chunk_id, space_id, vector)"  # noqa: S608
            " SELECT c.id, %s, v.vector::halfvec"
            " FROM unnest(%s::bigint[], %s::text[]) AS v (id, vector)"
            " JOIN ingestion_chunk c ON c.id = v.id FOR KEY SHARE OF c"
            " ON CONFLICT DO NOTHING",
            [space.pk, list(ids), [HalfVector(row).to_text() for row in vectors]],
        )


def _index(space: EmbeddingSpace, watch: Watch) -> None:
    _tell(space, watch, step=Step.INDEXING, done=0, total=1000)

    def progress(_phase: str, share: float) -> None:
        space.done = round(1000 * share)
        watch.progress(space)

    indexing.build(space, IndexConfig.from_settings(), progress=progress)
    _tell(space, watch, **_count(space))


def _compare(
    space: EmbeddingSpace, embedder: Embedder, check: Check, watch: Watch, load: Load
) -> None:
    """Ask both spaces the test questions; raises ReembedRefused for a worse one."""
    live = live_space()
    _tell(space, watch, step=Step.CHECKING)
    found = check(space, embedder)
    of_live = check(live, load(live.model_name)) if live else None
    _tell(space, watch, recall=found, recall_of_live=of_live)
    if space.is_forced or found is None or of_live is None:
        return
    if found < of_live - _RECALL_LOSS:
        raise ReembedRefused(
            f"{space.model_name} finds the passages of {found:.0%} of the test "
            f"questions, the live model {of_live:.0%}. To use it all the same: "
            "`manage.py reembed --accept`."
        )


def _go_live(space: EmbeddingSpace) -> bool:
    """Flip, in one transaction, unless a chunk has no vector in ``space`` yet.

    The lock on the live space's row waits for documents being written and holds up
    new ones (spaces.hold_live), so that none slips between the count and the flip.
    """
    try:
        with transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute("SET LOCAL lock_timeout = '30s'")
            rows = EmbeddingSpace.objects.select_for_update()
            live = rows.filter(state=State.LIVE).first()
            if not rows.filter(pk=space.pk, state=State.BUILDING).exists():
                raise _Ended
            if _missing(space, 0):
                return False
            if live is not None:
                _set(live, state=State.RETIRED)
            _set(space, state=State.LIVE, step=Step.DONE, problem="", is_forced=False)
    except OperationalError as exc:
        raise SpaceBusy from exc
    return True


def _tell(space: EmbeddingSpace, watch: Watch, **fields: Any) -> None:
    """Write how far it is; raises _Ended when nobody wants more of it now."""
    if not _set(space, **fields):
        raise _Ended
    watch.progress(space)
    if watch.is_over():
        raise _Ended


def _set(space: EmbeddingSpace, **fields: Any) -> bool:
    """Change the row and ``space`` alike, if the row is in the state that is known."""
    if fields.get("state", space.state) != space.state:
        fields["changed_at"] = timezone.now()
    rows = EmbeddingSpace.objects.filter(pk=space.pk, state=space.state)
    if rows.update(**fields) != 1:
        return False
    for name, value in fields.items():
        setattr(space, name, value)
    return True


@contextmanager
def _alone() -> Iterator[None]:
    with indexing.only_one(_WORK_LOCK) as link:
        if link is None:
            raise SpaceBusy("Another process is at work on it. Follow it on the page.")
        yield


def _described(name: str) -> tuple[Model, int]:
    """Return the model and its window in tokens. Raises WeightsMissing and its kin."""
    from rag_site.weights import digest_of, locate, weights_named

    weights = weights_named(name)
    if weights.kind != "embedder":
        raise ReembedRefused(f"{name} is not an embedding model.")
    locate(name)
    model = Model(name, digest_of(weights), weights.dimension)
    return model, weights.context_tokens


def _check_window(name: str, window: int) -> None:
    """Raise ReembedRefused if ``name`` would not see the end of a chunk."""
    tokenizer = tokenizer_for(name)
    rows = Chunk.objects.order_by("-token_count").values_list("heading", "text")
    longest = max(
        (
            len(tokenizer.encode(f"{h}\n{t}" if h else t).ids)
            for h, t in rows[:_LONGEST]
        ),
        default=0,
    )
    if longest > window:
        raise ReembedRefused(
            f"The longest passage has {longest} tokens and the window of {name} is "
            f"{window}. Lower PLUMBLINE_CHUNK_TOKENS and read the documents again, or "
            "choose a model with a longer window."
        )
