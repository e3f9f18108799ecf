"""One embedded Postgres and Valkey a test process, thrown away afterwards.

With DATABASE_URL and REDIS_URL set, the tests use those servers instead.
Each worker of pytest-xdist has servers of its own: counters in Valkey and scratch
databases are not for sharing.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from pathlib import Path

_STARTED_HERE = "PLUMBLINE_TESTS_STARTED_SERVERS"
if os.environ.get(_STARTED_HERE):  # the servers of the process that started us
    for name in ("DATABASE_URL", "REDIS_URL", "SECRET_KEY_FILE"):
        os.environ.pop(name, None)
elif not os.environ.get("DATABASE_URL") and not os.environ.get("REDIS_URL"):
    os.environ[_STARTED_HERE] = "1"

# Before Django reads its settings.
_FOLDER = Path(tempfile.mkdtemp(prefix="plumbline-test-"))
_FOLDER.chmod(0o755)  # Postgres may run as another user and must reach its data.
os.environ["PLUMBLINE_VAR"] = str(_FOLDER)
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "rag_site.settings")
os.environ["PLUMBLINE_DEBUG"] = "0"

from rag_site.local_run import prepared  # noqa: E402

_SURROUNDINGS = prepared()
_SURROUNDINGS.__enter__()

# pytest-django would read the settings before this file is run, so the settings
# module is not named in pyproject.toml and Django is set up here.
import django  # noqa: E402

django.setup()

import hypothesis  # noqa: E402
import pytest  # noqa: E402
import pytest_django  # noqa: E402
import redis  # noqa: E402

from rag_site import limits  # noqa: E402
from tests import emptying  # noqa: E402

# How long an example takes tells of what else the machine does.
hypothesis.settings.register_profile(
    "busy machine",
    parent=hypothesis.settings(),  # in CI another one than elsewhere
    deadline=None,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
)
hypothesis.settings.load_profile("busy machine")


@pytest.fixture(autouse=True)
def _an_empty_valkey(monkeypatch: pytest.MonkeyPatch) -> None:
    """Counters and messages of one test do not reach the next.

    A server that the environment names is not ours to empty.
    """
    monkeypatch.setattr(limits, "_away_until", 0.0)
    limits._here.clear()
    if os.environ.get(_STARTED_HERE):
        with contextlib.suppress(redis.RedisError):
            limits._client().flushdb()


@pytest.fixture(scope="session")
def django_db_setup(
    django_db_setup: None, django_db_blocker: pytest_django.DjangoDbBlocker
) -> None:
    if os.environ.get(_STARTED_HERE):
        emptying.delete_instead_of_truncating()
        with django_db_blocker.unblock():
            emptying.forget_at_once()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_setupnodes() -> None:
    """Keep pytest-django in the processes of xdist from reading the settings too soon.

    It would before this file is run there, were the module named in the environment
    that they inherit, and all would share the servers of the process that starts them.
    """
    os.environ.pop("DJANGO_SETTINGS_MODULE", None)


def pytest_unconfigure() -> None:
    _SURROUNDINGS.__exit__(None, None, None)
    shutil.rmtree(_FOLDER, ignore_errors=True)
