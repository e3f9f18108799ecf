"""The surroundings of a run: a folder to write to, a secret, and words where they fail."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from rag_site import embedded, local_run
from rag_site.embedded import ServiceFailed

ROOT = Path(local_run.__file__).resolve().parents[1]


@pytest.fixture(autouse=True)
def away(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a new process, and without servers."""
    for name in ("DATABASE_URL", "SECRET_KEY", "SECRET_KEY_FILE"):
        monkeypatch.delenv(name, raising=False)


def test_a_folder_that_cannot_be_made_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("PLUMBLINE_VAR", str(tmp_path / "file"))
    with (
        pytest.raises(ImproperlyConfigured, match="PLUMBLINE_VAR"),
        local_run.prepared(),
    ):
        pass


def test_the_home_folder_is_the_same_as_in_the_settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("PLUMBLINE_VAR", "~/site")
    assert local_run.var_dir() == (tmp_path / "site").resolve()


def test_a_blank_secret_key_is_made_anew_and_a_real_one_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PLUMBLINE_VAR", str(tmp_path))
    path = tmp_path / "secret_key"
    path.touch()
    keys = []
    for _ in range(2):
        monkeypatch.delenv("SECRET_KEY_FILE", raising=False)
        local_run._generate_secret_key()
        keys.append(path.read_text())
    assert len(keys[0]) > 40
    assert keys[0] == keys[1]
    assert path.stat().st_mode & 0o077 == 0


def test_a_disk_that_cannot_be_written_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_args: object) -> None:
        raise OSError(28, "No space left on device", str(tmp_path / "postgres"))

    monkeypatch.setattr(embedded, "start_postgres", full)
    monkeypatch.setattr(embedded, "home_of", lambda _folder: None)
    with pytest.raises(ServiceFailed, match="postgres cannot be used: No space"):
        embedded.acquire(tmp_path)


def test_a_reader_that_has_enough_ends_a_command_quietly() -> None:
    """As `manage.py models list | head -1` does."""
    command = [sys.executable, str(ROOT / "manage.py"), "models", "list", "--json"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, text=True, **pipes) as unread:  # type: ignore[call-overload]
        unread.stdout.close()
        said = unread.stderr.read()
    assert (unread.returncode, said) == (128 + signal.SIGPIPE, "")
