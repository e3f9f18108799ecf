from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.core.cache import cache, caches
from pytest_django import Settings

from rag_site.forgiving_cache import PlainSerializer


@pytest.mark.parametrize("value", [b"\x00\xff", "text", 7, {"a": [1, None]}, True, -1])
def test_plain_values_come_back(value: object) -> None:
    cache.set("key", value)
    assert cache.get("key") == value


def test_what_a_pickle_holds_is_not_run() -> None:
    with pytest.raises(ValueError):
        PlainSerializer().loads(b"cos\nsystem\n(S'true'\ntR.")


@pytest.fixture
def away(settings: Settings) -> Iterator[None]:
    one = {**settings.CACHES["default"], "LOCATION": "redis://127.0.0.1:1/0"}
    settings.CACHES = {"default": one}
    yield
    caches.close_all()


def test_without_redis_the_cache_is_empty(away: None) -> None:
    cache.set("key", 1)
    assert cache.get("key", "none") == "none"
    assert cache.get_or_set("key", lambda: 5) == 5
    assert cache.get_many(["key"]) == {}
    assert "key" not in cache
    assert cache.delete("key") is False
