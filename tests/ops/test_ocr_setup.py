"""Text recognition is offered once, installed by default, and never in the way."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from rag_site import bootstrap


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An environment that is there, with no answer in it and nothing to install."""
    python = tmp_path / "python"
    python.touch()
    (tmp_path / "requirements-ocr.txt").write_text("tesserocr==1\n")
    monkeypatch.delenv("OCR", raising=False)
    monkeypatch.setattr(bootstrap, "ROOT", tmp_path)
    monkeypatch.setattr(bootstrap, "PYTHON", python)
    monkeypatch.setattr(bootstrap, "LOG", tmp_path / "setup.log")
    monkeypatch.setattr(bootstrap, "STAMP", tmp_path / "stamp")
    monkeypatch.setattr(bootstrap, "OCR_STAMP", tmp_path / "stamp-ocr")
    return tmp_path


def _at_terminal(monkeypatch: pytest.MonkeyPatch, answer: str) -> _Terminal:
    shown = _Terminal()
    monkeypatch.setattr("sys.stdin", _Terminal(answer))
    monkeypatch.setattr("sys.stderr", shown)
    return shown


@pytest.mark.parametrize(("answer", "wanted"), [("\n", True), ("no\n", False)])
def test_somebody_at_a_terminal_is_asked_once(
    answer: str, wanted: bool, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = _at_terminal(monkeypatch, answer)

    assert bootstrap.wants_ocr(dev=False) is wanted
    assert "MB" in shown.getvalue()

    if wanted:
        bootstrap.OCR_STAMP.write_text("digest")
    else:
        bootstrap.decline_ocr()
    shown = _at_terminal(monkeypatch, "")
    assert bootstrap.wants_ocr(dev=False) is wanted
    assert shown.getvalue() == ""
    assert bootstrap.wants_ocr(dev=True)


def test_nobody_is_asked_without_a_terminal(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("n\n"))

    assert bootstrap.wants_ocr(dev=False)


def test_the_environment_decides_before_anybody_is_asked(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = _at_terminal(monkeypatch, "y\n")
    monkeypatch.setenv("OCR", "0")

    assert not bootstrap.wants_ocr(dev=True)
    bootstrap.decline_ocr()
    assert not bootstrap.OCR_STAMP.exists()
    assert shown.getvalue() == ""


def test_a_machine_without_a_build_goes_without(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    tries: list[str] = []

    def fail(title: str, command: list[str], **_: object) -> None:
        tries.append(title)
        raise bootstrap.SetupFailed("No matching distribution.")

    monkeypatch.setattr(bootstrap, "step", fail)

    bootstrap.add_ocr(again=False)
    bootstrap.add_ocr(again=False)

    assert len(tries) == 1
    assert "Warning: No matching distribution." in capsys.readouterr().err
    bootstrap.add_ocr(again=True)
    assert len(tries) == 2
