"""Settings that are typed wrong are told by name at the start, and none is repeated."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from rag_site.env import (
    env_bool,
    env_choice,
    env_float,
    env_int,
    env_list,
    env_networks,
    env_secret,
    env_time_zone,
    env_url,
)

NAME = "PLUMBLINE_TRIED"


@pytest.fixture(params=["", "  "])
def unset(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(NAME, request.param)


@pytest.mark.usefixtures("unset")
def test_what_is_empty_has_its_default() -> None:
    assert env_bool(NAME, True) is True
    assert env_int(NAME, 7) == 7
    assert env_float(NAME, 0.5, minimum=0, maximum=1) == 0.5
    assert env_list(NAME, ["a"]) == ["a"]
    assert env_choice(NAME, "auto", ("auto", "off")) == "auto"
    assert env_url(NAME, "redis") == ""
    assert env_time_zone(NAME, "UTC") == "UTC"


def test_what_is_set_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    for value in ("redis://:p%40ss@db.example:6379/2", "rediss://[::1]/0"):
        monkeypatch.setenv(NAME, value)
        assert env_url(NAME, "redis", "rediss") == value
    monkeypatch.setenv(NAME, "Europe/Berlin")
    assert env_time_zone(NAME, "UTC") == "Europe/Berlin"
    monkeypatch.setenv(NAME, " OFF ")
    assert env_bool(NAME, True) is False


@pytest.mark.parametrize(
    "value",
    [
        "localhost:6379",
        "redis:/localhost",
        "redis://",
        "redis://:s3cret@",
        "redis://x:s3cret",
        "redis://[::1/0",
        "http://x",
        "s3cret",
    ],
)
def test_what_is_no_address_is_not_repeated(
    value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(NAME, value)
    with pytest.raises(ImproperlyConfigured) as refused:
        env_url(NAME, "redis", "rediss")
    assert str(refused.value).startswith(f"{NAME} is no address: use redis:// or")
    assert "s3cret" not in str(refused.value)


@pytest.mark.parametrize("value", ["Mars", "../etc/passwd", "/etc", "Europe", "a\x01b"])
def test_what_is_no_time_zone_is_named(
    value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(NAME, value)
    with pytest.raises(ImproperlyConfigured, match=NAME):
        env_time_zone(NAME, "UTC")


def test_what_cannot_be_chosen_is_told_with_what_can(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(NAME, "float16")
    with pytest.raises(
        ImproperlyConfigured, match=r"'float16': use one of auto, off\."
    ):
        env_choice(NAME, "auto", ("off", "auto"))


def test_a_host_name_is_no_trusted_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(NAME, "10.0.0.7, 172.18.0.1/16, ::1")
    assert env_networks(NAME) == ["10.0.0.7", "172.18.0.1/16", "::1"]
    monkeypatch.setenv(NAME, "10.0.0.7, nginx")
    with pytest.raises(ImproperlyConfigured, match=f"{NAME}: 'nginx' is no address"):
        env_networks(NAME)


@pytest.mark.parametrize("value", ["many", "-1", "1e3", "99"])
def test_numbers_have_their_limits(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(NAME, value)
    with pytest.raises(ImproperlyConfigured, match=NAME):
        env_int(NAME, 7, maximum=50)


@pytest.mark.parametrize("value", ["many", "-0.1", "nan", "inf"])
def test_shares_have_their_limits(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(NAME, value)
    with pytest.raises(ImproperlyConfigured, match=NAME):
        env_float(NAME, 0.5, minimum=0, maximum=1)


@pytest.mark.parametrize("content", [None, b"\xff\xfe\x00"])
def test_a_file_of_a_secret_that_cannot_be_read_is_named(
    content: bytes | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "key"
    if content is not None:
        path.write_bytes(content)
    monkeypatch.setenv(f"{NAME}_FILE", str(path))
    with pytest.raises(ImproperlyConfigured, match=rf"{NAME}_FILE=.* cannot be read"):
        env_secret(NAME)
