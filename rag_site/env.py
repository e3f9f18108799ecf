"""Typed access to environment variables that fails loudly.

Every helper raises ``ImproperlyConfigured`` naming the variable and what it
allows, so that a typing error in a deployment is found at start-up and not by
the first reader.
"""

from __future__ import annotations

import os
from collections.abc import Collection
from ipaddress import ip_network
from pathlib import Path
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.core.exceptions import ImproperlyConfigured

_TRUE = {"1", "true", "yes", "on"}
_FALSE = {"0", "false", "no", "off"}
# Values that appear in tutorials, in this repository and in its examples.
_PUBLISHED_SECRETS = {"secret", "changeme", "change-me", "django-insecure", "password"}
MIN_SECRET_CHARS = 32
# Names that were asked for, whether or not they are set.
ASKED: set[str] = set()


def env_str(name: str, default: str = "") -> str:
    ASKED.add(name)
    return os.environ.get(name, "").strip() or default


def env_choice(name: str, default: str, allowed: Collection[str]) -> str:
    value = env_str(name, default)
    if value not in allowed:
        raise ImproperlyConfigured(
            f"{name}={value!r}: use one of {', '.join(sorted(allowed))}."
        )
    return value


def env_url(name: str, *schemes: str) -> str:
    """Return an address of one of ``schemes``, or "" where none is set."""
    value = env_str(name)
    if not value:
        return ""
    try:
        parts = urlsplit(value)
        is_one = parts.scheme in schemes and bool(parts.hostname) and parts.port != 0
    except ValueError:  # of its port, or brackets that do not close
        is_one = False
    if not is_one:
        # Not repeated here: it may hold a password.
        begins = " or ".join(f"{scheme}://" for scheme in schemes)
        raise ImproperlyConfigured(
            f"{name} is no address: use {begins} and a host, as in {begins.split()[0]}"
            "localhost:1234."
        )
    return value


def env_time_zone(name: str, default: str) -> str:
    value = env_str(name, default)
    try:
        return ZoneInfo(value).key
    except (ZoneInfoNotFoundError, ValueError, OSError) as exc:
        raise ImproperlyConfigured(
            f"{name}={value!r}: use a name such as UTC or Europe/Berlin."
        ) from exc


def env_bool(name: str, default: bool) -> bool:
    raw = env_str(name)
    if not raw:
        return default
    if raw.lower() in _TRUE:
        return True
    if raw.lower() in _FALSE:
        return False
    raise ImproperlyConfigured(f"{name}={raw!r}: use one of 1, 0, true, false.")


def env_int(
    name: str, default: int, *, minimum: int = 0, maximum: int | None = None
) -> int:
    raw = env_str(name)
    if not raw:
        return default
    try:
        value = int(raw)
    except ValueError as exc:
        raise ImproperlyConfigured(f"{name}={raw!r}: use a whole number.") from exc
    if value < minimum or (maximum is not None and value > maximum):
        upper = f" to {maximum}" if maximum is not None else " or more"
        raise ImproperlyConfigured(f"{name}={value}: use {minimum}{upper}.")
    return value


def env_float(name: str, default: float, *, minimum: float, maximum: float) -> float:
    raw = env_str(name)
    if not raw:
        return default
    try:
        value = float(raw)
    except ValueError as exc:
        raise ImproperlyConfigured(f"{name}={raw!r}: use a number.") from exc
    # Written so that NaN fails too.
    if not minimum <= value <= maximum:
        raise ImproperlyConfigured(f"{name}={raw}: use {minimum} to {maximum}.")
    return value


def env_path(name: str, default: Path) -> Path:
    raw = env_str(name)
    return Path(raw).expanduser().resolve() if raw else default


def env_list(name: str, default: list[str]) -> list[str]:
    raw = env_str(name)
    return [item.strip() for item in raw.split(",") if item.strip()] if raw else default


def env_networks(name: str) -> list[str]:
    """Return addresses and networks, separated by commas."""
    found = env_list(name, [])
    for item in found:
        try:
            ip_network(item, strict=False)
        except ValueError as exc:
            raise ImproperlyConfigured(
                f"{name}: {item!r} is no address or network, such as 172.18.0.0/16; "
                "names of hosts are not looked up."
            ) from exc
    return found


def env_secret(name: str) -> str:
    """Return the secret in ``NAME`` or in the file that ``NAME_FILE`` names.

    Raises:
        ImproperlyConfigured: missing, shorter than ``MIN_SECRET_CHARS``, or a
            published example.
    """
    file_name = env_str(f"{name}_FILE")
    value = _read(name, Path(file_name)) if file_name else env_str(name)
    if not value:
        raise ImproperlyConfigured(
            f"{name} is not set. Set {name} or {name}_FILE to a random string of at "
            f"least {MIN_SECRET_CHARS} characters, for example from "
            "`python3 -c 'import secrets; print(secrets.token_urlsafe(48))'`."
        )
    lowered = value.lower()
    if len(value) < MIN_SECRET_CHARS or any(p in lowered for p in _PUBLISHED_SECRETS):
        raise ImproperlyConfigured(
            f"{name} is too short or a published example: use a random string of at "
            f"least {MIN_SECRET_CHARS} characters."
        )
    return value


def _read(name: str, path: Path) -> str:
    try:
        return path.read_text().strip()
    except (OSError, UnicodeDecodeError) as exc:
        reason = exc.strerror if isinstance(exc, OSError) else "it is no text"
        raise ImproperlyConfigured(
            f"{name}_FILE={path} cannot be read: {reason}."
        ) from exc
