"""Ranking on a read replica, when there is one and it keeps up.

Only the ranking of a search goes there, which is nearly all of its cost. How much
the asker may read is counted on the primary before, and what was found is read on
the primary after, under the rights of that moment: a passage that was revoked,
deleted or read again since is never shown, however far the replica lags behind
(retrieval.candidates). A replica that lags more than the limit, or does not answer,
is left out, and the primary ranks.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, TypeVar

from django.conf import settings
from django.db import (
    DEFAULT_DB_ALIAS,
    InterfaceError,
    OperationalError,
    connections,
    router,
)

from ingestion.models import Chunk

logger = logging.getLogger(__name__)

REPLICA = "replica"
# Seconds between two looks at the lag, and after a failure.
_LOOK_EVERY_S, _REST_S = 1.0, 10.0
# It cannot be reached, cancelled the query, or closed a connection that was open.
_AWAY = (OperationalError, InterfaceError)
_is_ranking: ContextVar[bool] = ContextVar("is_ranking", default=False)
T = TypeVar("T")


class ReplicaRouter:
    """Django's router: everything is on the primary, but for what runs in ``ranked``."""

    def db_for_read(self, model: object, **hints: object) -> str | None:
        return REPLICA if _is_ranking.get() else None

    def allow_relation(self, first: object, second: object, **hints: object) -> bool:
        return True

    def allow_migrate(self, db: str, app_label: str, **hints: object) -> bool | None:
        return False if db == REPLICA else None


def connection_for_ranking() -> Any:
    """Return the connection that the router chooses now."""
    return connections[router.db_for_read(Chunk)]


def ranked(rank: Callable[[], T]) -> T:
    """Return ``rank()``, run on the replica if it is caught up, else on the primary."""
    if REPLICA not in connections or not _lag.is_small():
        return rank()
    token = _is_ranking.set(True)
    try:
        return rank()
    except _AWAY as exc:
        _lag.rest(exc)
    finally:
        _is_ranking.reset(token)
    return rank()


@dataclass
class _Lag:
    """How far the replica is behind, by write-ahead log positions seen before.

    The clock of the last replayed transaction would tell nothing while the primary
    is idle, nor once the replica has lost it.
    """

    positions: deque[tuple[float, int]] = field(
        default_factory=lambda: deque(maxlen=600)
    )
    answer: bool = False
    until: float = 0.0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def is_small(self) -> bool:
        with self.lock:
            if time.monotonic() >= self.until:
                self.until = time.monotonic() + _LOOK_EVERY_S
                try:
                    self.answer = self._look()
                except _AWAY as exc:
                    self.rest(exc)
            return self.answer

    def rest(self, exc: Exception) -> None:
        """Leave the replica out for a while."""
        logger.warning("the replica is left out: %s", type(exc).__name__)
        self.answer, self.until = False, time.monotonic() + _REST_S

    def _look(self) -> bool:
        if _name(REPLICA) != _name(DEFAULT_DB_ALIAS):
            return False  # a scratch database
        now = time.monotonic()
        written = _position(DEFAULT_DB_ALIAS, "pg_current_wal_lsn()")
        replayed = _position(REPLICA, "pg_last_wal_replay_lsn()")
        if written is None or replayed is None:
            return False
        self.positions.append((now, written))
        while len(self.positions) > 1 and self.positions[1][1] <= replayed:
            self.positions.popleft()
        seen, position = self.positions[0]
        return position <= replayed and now - seen <= settings.REPLICA_MAX_LAG_S


def _name(alias: str) -> object:
    return connections[alias].settings_dict["NAME"]


def _position(alias: str, function: str) -> int | None:
    """Return a position in bytes; None on a server that replays nothing."""
    with connections[alias].cursor() as cursor:
        cursor.execute(f"SELECT ({function} - '0/0')::bigint")
        (found,) = cursor.fetchone()
    return None if found is None else int(found)


_lag = _Lag()
