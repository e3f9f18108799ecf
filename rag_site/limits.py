"""How often someone may do something (a leaf); counters live in Redis.

Reading goes on when Redis is away: rates are a courtesy there. Sign-in does not:
its failures are then counted in this process.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from typing import TypeVar

import redis
from django.conf import settings
from redis.backoff import NoBackoff
from redis.retry import Retry

from rag_site.addresses import counted_by
from rag_site.asking import Asker
from rag_site.errors import RateLimited

logger = logging.getLogger(__name__)

T = TypeVar("T")

SIGN_IN_WINDOW_S = 15 * 60
# Seconds for which Redis is not tried again after it failed, so that an
# unreachable server costs one time-out and not one a request.
RETRY_AFTER_S = 5.0
# An office shares one address, and an owner must not be locked out by others:
# failures are counted closest for one account from one address, and further
# out for an address over all accounts and an account over all addresses, but
# those where it has signed in.
ADDRESS_FACTOR = 5
ACCOUNT_FACTOR = 10
# Seconds for which an account is known at an address where it signed in.
KNOWN_FOR_S = 30 * 24 * 3600


@dataclass(frozen=True, slots=True, kw_only=True)
class RateState:
    """What is left: requests in the window of ``reset_s`` more seconds."""

    limit: int
    remaining: int
    reset_s: int

    def headers(self) -> dict[str, str]:
        return {
            "RateLimit-Limit": str(self.limit),
            "RateLimit-Remaining": str(self.remaining),
            "RateLimit-Reset": str(self.reset_s),
        }


def check_rate(bucket: str, subject: str, *, per_minute: int) -> RateState:
    """Count one request of ``subject``; with Redis away, let it pass.

    Raises:
        RateLimited: with the seconds to wait.
    """
    return _count(bucket, subject, limit=per_minute, window_s=60)


def subject_of(asker: Asker) -> str:
    """Return what is counted: a key by itself, else the person."""
    return f"key-{asker.key_id}" if asker.key_id else f"user-{asker.user_id}"


def try_sign_in(account: str, address: str) -> list[str]:
    """Count an attempt as failed before its password is even looked at.

    Counted afterwards, any number of attempts at the same moment would pass. Returns
    what ``forget_failure`` takes when the attempt was none.

    Raises:
        RateLimited: too many failures lately.
    """
    tried: list[str] = []
    for subject, limit in _sign_in_subjects(account, address):
        key = _key("sign-in", subject, SIGN_IN_WINDOW_S)
        tried.append(key)
        if _add_failure(key, 1) > limit:
            forget_failure(tried)
            raise RateLimited(
                "Too many failed attempts to sign in. Wait 15 minutes, then try again.",
                retry_after_s=SIGN_IN_WINDOW_S,
            )
    return tried


def forget_failure(tried: list[str]) -> None:
    """Take back what ``try_sign_in`` counted."""
    for key in tried:
        _add_failure(key, -1)


def remember_sign_in(account: str, address: str) -> None:
    """Let what others try elsewhere not keep the account out at this address."""
    key = _known_key(_account(account), address)
    _ask_redis(lambda client: client.set(key, 1, ex=KNOWN_FOR_S))


def _sign_in_subjects(account: str, address: str) -> list[tuple[str, int]]:
    limit, account = settings.SIGN_IN_ATTEMPTS, _account(account)
    address = counted_by(address)
    near = [
        (f"both:{account}@{address}", limit),
        (f"address:{address}", limit * ADDRESS_FACTOR),
    ]
    key = _known_key(account, address)
    if _ask_redis(lambda client: client.exists(key)):
        return near
    return [*near, (f"account:{account}", limit * ACCOUNT_FACTOR)]


def _account(name: str) -> str:
    return name.casefold()[:150]


def _known_key(account: str, address: str) -> str:
    return f"plumbline:signed-in:{account}@{counted_by(address)}"


def _add_failure(key: str, count: int) -> int:
    # In both: when Redis goes away half-way, nothing counted is forgotten.
    here = _add_here(key, count)
    return max(here, _ask_redis(partial(_add_there, key, count)) or 0)


def _add_there(key: str, count: int, client: redis.Redis) -> int:
    with client.pipeline() as pipe:
        pipe.incrby(key, count)
        pipe.expire(key, SIGN_IN_WINDOW_S)
        return int(pipe.execute()[0])


# Failures that this process saw, for when Redis is away; bounded, and gone with the process.
_here: dict[str, int] = {}
_here_lock = threading.Lock()
_HERE_MAX = 10_000


def _add_here(key: str, count: int) -> int:
    with _here_lock:
        if len(_here) >= _HERE_MAX:
            _here.clear()
        _here[key] = max(0, _here.get(key, 0) + count)
        return _here[key]


def _count(bucket: str, subject: str, *, limit: int, window_s: int) -> RateState:
    """Count in a window that slides: the last one fades as this one fills.

    The estimate is `previous * (1 - elapsed / window) + current`, which never
    lets through the double burst that fixed windows allow at their border.
    """
    now = time.time()
    elapsed = (now % window_s) / window_s
    reset_s = max(1, round(window_s * (1 - elapsed)))
    counts = _ask_redis(lambda client: _add_one(client, bucket, subject, window_s))
    if counts is None:
        return RateState(limit=limit, remaining=limit, reset_s=reset_s)
    used = counts[0] + int(counts[1] * (1 - elapsed))
    if used > limit:
        _ask_redis(lambda client: client.decr(_key(bucket, subject, window_s)))
        wait_s = _wait_s(*counts, limit=limit, elapsed=elapsed, window_s=window_s)
        raise RateLimited(
            f"Too many requests: {limit} in {window_s} seconds are allowed. "
            f"Wait {wait_s} {'second' if wait_s == 1 else 'seconds'} and try again.",
            detail={"limit": limit, "window_s": window_s},
            retry_after_s=wait_s,
        )
    return RateState(limit=limit, remaining=limit - used, reset_s=reset_s)


def _wait_s(
    current: int, previous: int, *, limit: int, elapsed: float, window_s: int
) -> int:
    """Return after how many whole seconds the refused request would pass.

    It passes in this window once `current + int(previous * (1 - elapsed)) <= limit`;
    where this window is full by itself, as soon as the next one has begun to fill.
    """
    room = limit - current + 1
    passes_after = 1 - room / previous if room > 0 else 1.0
    # Rounded, so that 1.9999 counts as the 2 that it is.
    wait_s = round(window_s * max(0.0, passes_after - elapsed), 3)
    return int(wait_s) + 1


def _add_one(
    client: redis.Redis, bucket: str, subject: str, window_s: int
) -> tuple[int, int]:
    """Return the counts of this window, with this request, and of the last one."""
    key = _key(bucket, subject, window_s)
    with client.pipeline(transaction=False) as pipe:
        pipe.incr(key)
        pipe.expire(key, 2 * window_s)
        pipe.get(_key(bucket, subject, window_s, back=1))
        current, _, previous = pipe.execute()
    return int(current), int(previous or 0)


def _key(bucket: str, subject: str, window_s: int, *, back: int = 0) -> str:
    return f"plumbline:rate:{bucket}:{subject}:{int(time.time()) // window_s - back}"


@cache
def _client() -> redis.Redis:
    return redis.Redis.from_url(
        settings.REDIS_URL or "redis://127.0.0.1:1/0",
        socket_timeout=1,
        socket_connect_timeout=1,
        retry=Retry(NoBackoff(), 0),
    )


_away_until = 0.0


def _ask_redis(question: Callable[[redis.Redis], T]) -> T | None:
    """Return the answer of Redis, or None while it is away."""
    global _away_until  # noqa: PLW0603 - one clock for the process
    if time.monotonic() < _away_until:
        return None
    try:
        return question(_client())
    except redis.RedisError as exc:
        _away_until = time.monotonic() + RETRY_AFTER_S
        logger.warning("redis is away, rates are not counted: %s", type(exc).__name__)
        return None
