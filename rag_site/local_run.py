"""The surroundings of a local run: embedded services and generated secrets.

With DATABASE_URL and REDIS_URL set, nothing here starts anything, and
SECRET_KEY must be set as well.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured

from rag_site import embedded
from rag_site.env import env_path
from rag_site.running_site import running_site

BASE_DIR = Path(__file__).resolve().parent.parent


def var_dir() -> Path:
    """Return the folder of the settings' ``VAR_DIR``, before there are settings."""
    return env_path("PLUMBLINE_VAR", BASE_DIR / "var").resolve()


_services: embedded.Services | None = None


@contextmanager
def prepared() -> Iterator[None]:
    """Set DATABASE_URL, REDIS_URL and SECRET_KEY for as long as the block runs.

    Raises:
        ImproperlyConfigured: PLUMBLINE_VAR cannot be written.
        ServiceFailed: an embedded server did not start.
    """
    wants_postgres = not os.environ.get("DATABASE_URL")
    wants_valkey = not os.environ.get("REDIS_URL")
    try:
        for folder in ("run", "uploads", "files"):
            (var_dir() / folder).mkdir(parents=True, exist_ok=True)
        if wants_postgres:
            _generate_secret_key()
    except OSError as exc:
        raise ImproperlyConfigured(
            f"{exc.filename or var_dir()} cannot be written: {exc.strerror}. Mend it, or "
            "set PLUMBLINE_VAR to another folder."
        ) from exc
    _join_running_site()
    if not (wants_postgres or wants_valkey):
        yield
        return
    global _services  # noqa: PLW0603 - one set of services a process, as its environment
    services = embedded.acquire(var_dir(), postgres=wants_postgres, valkey=wants_valkey)
    _services = services
    try:
        if wants_postgres:
            os.environ["DATABASE_URL"] = services.database_url
        if wants_valkey:
            os.environ["REDIS_URL"] = services.redis_url
        yield
    finally:
        _services = None
        services.release()


def revive_services() -> None:
    """Start embedded servers of this process that have ended; none, if it uses none.

    Raises:
        ServiceFailed: with what happened and what to do.
    """
    if _services is not None:
        _services.revive()


def _generate_secret_key() -> None:
    """Make a random SECRET_KEY once for a local run, readable by its user only."""
    if os.environ.get("SECRET_KEY") or os.environ.get("SECRET_KEY_FILE"):
        return
    path = var_dir() / "secret_key"
    if not path.exists() or not path.stat().st_size:  # a disk was full
        temporary = path.with_suffix(".new")
        temporary.unlink(missing_ok=True)
        temporary.touch(mode=0o600)
        temporary.write_text(secrets.token_urlsafe(48))
        temporary.replace(path)
    os.environ["SECRET_KEY_FILE"] = str(path)


def _join_running_site() -> None:
    """Let a shell command use the model server of a site that runs already."""
    site = running_site(var_dir())
    if site is None or os.environ.get("PLUMBLINE_MODEL_SERVER_URL"):
        return
    if os.environ.setdefault("PLUMBLINE_MODEL", site.model) == site.model:
        os.environ["PLUMBLINE_MODEL_SERVER_URL"] = site.model_server_url
        os.environ["PLUMBLINE_MODEL_SERVER_KEY"] = site.model_server_key
