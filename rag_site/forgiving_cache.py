"""A cache that is empty, instead of an error, while Redis is away."""

from __future__ import annotations

import json
import logging
from typing import Any

from django.core.cache.backends.base import DEFAULT_TIMEOUT
from django.core.cache.backends.redis import RedisCache
from redis import RedisError

logger = logging.getLogger(__name__)


class PlainSerializer:
    """JSON and bytes only: the default pickles, which runs what it reads."""

    def dumps(self, value: Any) -> bytes | int:
        if isinstance(value, bytes):
            return b"b" + value
        # Redis counts in plain integers.
        if type(value) is int:
            return value
        return b"j" + json.dumps(value).encode()

    def loads(self, data: bytes) -> Any:
        if data[:1] == b"b":
            return data[1:]
        if data[:1] == b"j":
            return json.loads(data[1:])
        return int(data)


class ForgivingCache(RedisCache):
    """What cannot be read is a miss; what cannot be written is not kept."""

    def get(self, key: Any, default: Any = None, version: int | None = None) -> Any:
        try:
            return super().get(key, default, version)
        except RedisError as exc:
            return _missed(exc, default)

    def get_many(self, keys: Any, version: int | None = None) -> dict[Any, Any]:
        try:
            return super().get_many(keys, version)
        except RedisError as exc:
            return _missed(exc, {})  # type: ignore[no-any-return]  # the default

    def has_key(self, key: Any, version: int | None = None) -> bool:
        try:
            return super().has_key(key, version)
        except RedisError as exc:
            return bool(_missed(exc, False))

    def add(
        self,
        key: Any,
        value: Any,
        timeout: Any = DEFAULT_TIMEOUT,
        version: int | None = None,
    ) -> bool:
        try:
            return super().add(key, value, timeout, version)
        except RedisError as exc:
            return bool(_missed(exc, True))

    def set(
        self,
        key: Any,
        value: Any,
        timeout: Any = DEFAULT_TIMEOUT,
        version: int | None = None,
    ) -> None:
        try:
            super().set(key, value, timeout, version)
        except RedisError as exc:
            _missed(exc, None)

    def delete(self, key: Any, version: int | None = None) -> bool:
        try:
            return super().delete(key, version)
        except RedisError as exc:
            return bool(_missed(exc, False))


def _missed(exc: RedisError, default: Any) -> Any:
    logger.warning("redis is away, the cache is skipped: %s", type(exc).__name__)
    return default
