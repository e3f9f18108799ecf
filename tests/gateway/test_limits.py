from __future__ import annotations

import contextlib
from collections.abc import Iterator

import pytest
import time_machine
from django.contrib.auth.backends import ModelBackend
from django.db import OperationalError
from django.test import Client
from pytest_django import Settings

from rag_site import limits
from rag_site.errors import RateLimited
from rag_site.sign_in import LimitedBackend
from tests import factories
from tests.keyed import client_of

NOON = 1_800_000_000


@pytest.fixture
def clock() -> Iterator[time_machine.Coordinates]:
    with time_machine.travel(NOON, tick=False) as travelled:
        yield travelled


@pytest.fixture
def no_redis(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    limits._client.cache_clear()
    monkeypatch.setattr(limits, "_away_until", 0.0)
    yield  # type: ignore[misc]
    limits._client.cache_clear()


def test_the_limit_is_exact_and_says_when_to_come_back(
    clock: time_machine.Coordinates,
) -> None:
    left = [limits.check_rate("t", "a", per_minute=3).remaining for _ in range(3)]
    assert left == [2, 1, 0]
    with pytest.raises(RateLimited) as caught:
        limits.check_rate("t", "a", per_minute=3)
    # All of the minute, and on until the next one has begun to fade.
    assert caught.value.retry_after_s == 61
    assert limits.check_rate("t", "b", per_minute=3).remaining == 2


def test_the_window_slides(clock: time_machine.Coordinates) -> None:
    for _ in range(10):
        limits.check_rate("t", "a", per_minute=10)
    clock.shift(60)  # a new window, in which the last one still weighs
    with pytest.raises(RateLimited):
        limits.check_rate("t", "a", per_minute=10)
    clock.shift(30)
    assert limits.check_rate("t", "a", per_minute=10).remaining in {4, 5}
    clock.shift(90)
    assert limits.check_rate("t", "a", per_minute=10).remaining == 9


@pytest.mark.parametrize("second", [0, 1, 10, 45, 59])
@pytest.mark.parametrize("before", [0, 1, 4, 20])
@pytest.mark.parametrize("limit", [1, 3, 20])
def test_who_waits_as_long_as_told_is_let_through(
    clock: time_machine.Coordinates, second: int, before: int, limit: int
) -> None:
    for _ in range(min(before, limit)):
        limits.check_rate("t", "a", per_minute=limit)
    clock.shift(60 + second)
    wait_s = 0
    while not wait_s:
        try:
            limits.check_rate("t", "a", per_minute=limit)
        except RateLimited as refused:
            wait_s = refused.retry_after_s or 0
    if wait_s > 1:
        clock.shift(wait_s - 1.5)
        with pytest.raises(RateLimited):
            limits.check_rate("t", "a", per_minute=limit)
        clock.shift(0.5)
    clock.shift(1)
    limits.check_rate("t", "a", per_minute=limit)


def test_being_refused_costs_nothing(clock: time_machine.Coordinates) -> None:
    limits.check_rate("t", "a", per_minute=1)
    for _ in range(20):
        with pytest.raises(RateLimited):
            limits.check_rate("t", "a", per_minute=1)
    clock.shift(120)
    limits.check_rate("t", "a", per_minute=1)


def test_without_redis_reading_goes_on_and_guessing_does_not(no_redis: None) -> None:
    for _ in range(50):
        limits.check_rate("t", "a", per_minute=3)
    for _ in range(10):
        limits.try_sign_in("alice", "10.0.0.1")
    with pytest.raises(RateLimited):
        limits.try_sign_in("Alice", "10.0.0.1")


def test_failures_of_others_do_not_lock_an_owner_out() -> None:
    limits.remember_sign_in("Alice", "192.168.1.1")
    for number in range(100):
        limits.try_sign_in("alice", f"10.0.0.{number}")
    with pytest.raises(RateLimited):
        limits.try_sign_in("alice", "192.168.1.2")
    limits.try_sign_in("alice", "192.168.1.1")


def test_an_address_that_tries_many_names_is_stopped() -> None:
    for number in range(50):
        limits.try_sign_in(f"user{number}", "10.0.0.1")
    with pytest.raises(RateLimited):
        limits.try_sign_in("somebody", "10.0.0.1")


def test_an_attempt_that_was_none_or_refused_counts_for_nothing() -> None:
    for _ in range(50):
        limits.forget_failure(limits.try_sign_in("alice", "10.0.0.1"))
    for _ in range(10):
        limits.try_sign_in("alice", "10.0.0.1")
    for _ in range(100):
        with pytest.raises(RateLimited):
            limits.try_sign_in("alice", "10.0.0.1")
    limits.try_sign_in("bob", "10.0.0.1")
    limits.try_sign_in("alice", "10.0.0.2")


def test_attempts_at_the_same_moment_do_not_all_pass(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Hashing takes long enough for hundreds to come before the first has failed."""
    settings.SIGN_IN_ATTEMPTS = 3
    looked_at: list[str] = []

    def others_come_meanwhile(*_: object, **__: object) -> None:
        looked_at.append("password")
        if len(looked_at) < 20:
            with contextlib.suppress(RateLimited):
                LimitedBackend().authenticate(None, "alice", "guess")

    monkeypatch.setattr(ModelBackend, "authenticate", others_come_meanwhile)
    LimitedBackend().authenticate(None, "alice", "guess")
    assert len(looked_at) == 3


@pytest.mark.django_db
def test_signing_in_is_limited_at_every_door(settings: Settings) -> None:
    settings.SIGN_IN_ATTEMPTS = 3
    factories.alice()
    for path in ("/sign-in", "/admin/login/", "/sign-in"):
        wrong = Client().post(path, {"username": "alice", "password": "guess"})
        assert wrong.status_code in {200, 422}
    right = Client().post(
        "/sign-in", {"username": "alice", "password": factories.PASSWORD}
    )
    assert right.status_code == 429
    assert int(right["Retry-After"]) > 0
    assert "Traceback" not in right.content.decode()


def test_an_outage_of_the_database_is_no_failed_attempt(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def away(*_: object, **__: object) -> None:
        raise OperationalError

    monkeypatch.setattr(ModelBackend, "authenticate", away)
    for _ in range(20):
        with pytest.raises(OperationalError):
            LimitedBackend().authenticate(None, "alice", "right")


@pytest.mark.django_db
def test_the_api_tells_and_keeps_its_limit(settings: Settings) -> None:
    settings.REQUESTS_PER_MINUTE = 3
    client = client_of(factories.alice())
    answers = [client.get("/api/v1/collections") for _ in range(4)]
    assert [a.status_code for a in answers] == [200, 200, 200, 429]
    assert [a["RateLimit-Remaining"] for a in answers] == ["2", "1", "0", "0"]
    assert answers[3]["RateLimit-Reset"] == answers[3]["Retry-After"]
    assert answers[0]["RateLimit-Limit"] == "3"
    assert int(answers[3]["Retry-After"]) > 0
    assert answers[3].json()["error"]["code"] == "rate_limited"
    # Another key of the same person has a limit of its own.
    assert client_of(factories.alice()).get("/api/v1/collections").status_code == 200


@pytest.mark.django_db
def test_guessing_keys_is_limited_and_a_right_key_still_works(
    settings: Settings, clock: time_machine.Coordinates
) -> None:
    client = client_of(factories.alice())
    guesses = [
        Client()
        .get("/api/v1/collections", headers={"Authorization": f"Bearer plb_{n}_x"})
        .status_code
        for n in range(40)
    ]
    assert guesses.count(401) == 30
    assert guesses.count(429) == 10
    assert client.get("/api/v1/collections").status_code == 200
