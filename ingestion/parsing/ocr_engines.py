"""Text recognition: which there is on this machine, and one call to it.

Tesseract comes as the package tesserocr, which runs in this process, or as the
system's program of that name. Both give the same table of words. Nothing is
imported or started to find out what there is.
"""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Protocol

_PROGRAM_FOLDERS = ("/usr/bin", "/usr/local/bin", "/opt/homebrew/bin")
_DATA_FOLDERS = (
    "/usr/share/tesseract-ocr/5/tessdata",
    "/usr/share/tesseract-ocr/4.00/tessdata",
    "/usr/share/tessdata",
    "/usr/share/tesseract/tessdata",
    "/usr/local/share/tessdata",
    "/opt/homebrew/share/tessdata",
)
ENGLISH = "eng"
# Finds out which way up a page is; part of the English data's package.
_ORIENTATION = "osd"
# The setting, and not the file of settings "tsv", which only some packages have.
_AS_TABLE = ("-c", "tessedit_create_tsv=1")
# Tesseract's codes of the languages that a collection can have.
_CODES = {
    "arabic": "ara", "armenian": "hye", "basque": "eus", "catalan": "cat",
    "chinese": "chi_sim", "danish": "dan", "dutch": "nld", "english": "eng",
    "estonian": "est", "finnish": "fin", "french": "fra", "german": "deu",
    "greek": "ell", "hindi": "hin", "hungarian": "hun", "indonesian": "ind",
    "irish": "gle", "italian": "ita", "japanese": "jpn", "korean": "kor",
    "lithuanian": "lit", "nepali": "nep", "norwegian": "nor", "polish": "pol",
    "portuguese": "por", "romanian": "ron", "russian": "rus", "serbian": "srp",
    "simple": "eng", "spanish": "spa", "swedish": "swe", "tamil": "tam",
    "turkish": "tur", "yiddish": "yid",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Picture:
    """Grey pixels, a byte each, 0 for black, in rows of ``stride`` bytes."""

    width: int
    height: int
    stride: int
    data: bytes
    dpi: float


class Engine(Protocol):
    """Recognises the words of one picture."""

    def words(self, picture: Picture, timeout_s: int) -> str | None:
        """Return Tesseract's table of words (TSV); None when time ran out."""


@dataclass(frozen=True, slots=True)
class Installed:
    """The text recognition of this machine.

    Attributes:
        program: the path of the system's program; "" where the package is used.
        data: the folder of each language's data, by Tesseract's code.
    """

    program: str
    data: dict[str, Path]


def installed() -> Installed | None:
    """Return what there is; None if nothing can recognise text."""
    program = "" if importlib.util.find_spec("tesserocr") else _program()
    data = _data()
    if program is None or not data:
        return None
    return Installed(program, data)


def choose(language: str, data: dict[str, Path]) -> tuple[str, bool]:
    """Return the code to read with, and whether it is of the wanted language.

    ``language`` is a collection's, as in "german"; "" is taken for English.
    """
    code = _CODES.get(language, ENGLISH)
    if code in data:
        return code, True
    return (ENGLISH if ENGLISH in data else sorted(data)[0]), False


@cache
def engine(code: str) -> Engine | None:
    """Return the engine for a language, loaded once; None if it does not load."""
    found = installed()
    if found is None:
        return None
    if found.program:
        return program_engine(found.program, found.data[code], code)
    try:
        return _Package(found.data[code], code)
    except (ImportError, RuntimeError, OSError):
        return None


class _Package:
    """Tesseract in this process, without PIL."""

    def __init__(self, data: Path, code: str) -> None:
        import tesserocr

        mode = tesserocr.PSM.AUTO_OSD if _turns(data) else tesserocr.PSM.AUTO
        self._api = tesserocr.PyTessBaseAPI(path=str(data), lang=code, psm=mode)

    def words(self, picture: Picture, timeout_s: int) -> str | None:
        self._api.SetImageBytes(
            picture.data, picture.width, picture.height, 1, picture.stride
        )
        self._api.SetSourceResolution(round(picture.dpi))
        if not self._api.Recognize(timeout_s * 1000):
            return None
        table: str = self._api.GetTSVText(0)
        return table


class _Program:
    """The system's Tesseract, the one program that a parser may start."""

    def __init__(self, program: str, data: Path, code: str) -> None:
        mode = "1" if _turns(data) else "3"
        self._command = [
            program, "stdin", "stdout", "--tessdata-dir", str(data), "-l", code,
            "--psm", mode,
        ]  # fmt: skip

    def words(self, picture: Picture, timeout_s: int) -> str | None:
        try:
            done = subprocess.run(
                [*self._command, "--dpi", str(round(picture.dpi)), *_AS_TABLE],
                input=_as_pgm(picture),
                capture_output=True,
                check=False,
                timeout=timeout_s,
                env={"OMP_THREAD_LIMIT": "1", "LANG": "C.UTF-8"},
            )
        except subprocess.TimeoutExpired:
            return None
        return done.stdout.decode("utf-8", "replace")


def program_engine(program: str, data: Path, code: str) -> Engine:
    return _Program(program, data, code)


def _as_pgm(picture: Picture) -> bytes:
    head = f"P5 {picture.width} {picture.height} 255\n".encode()
    if picture.stride == picture.width:
        return head + picture.data
    rows = memoryview(picture.data)
    starts = range(0, picture.stride * picture.height, picture.stride)
    return head + b"".join(rows[at : at + picture.width] for at in starts)


def _turns(data: Path) -> bool:
    return (data / f"{_ORIENTATION}.traineddata").is_file()


def _program() -> str | None:
    paths = (Path(folder, "tesseract") for folder in _PROGRAM_FOLDERS)
    return next((str(path) for path in paths if os.access(path, os.X_OK)), None)


def _data() -> dict[str, Path]:
    """Languages by code; where two folders hold one, the environment's own wins."""
    folders = [Path(sys.prefix, "share", "tessdata"), *map(Path, _DATA_FOLDERS)]
    found: dict[str, Path] = {}
    for folder in folders:
        for file in sorted(folder.glob("*.traineddata")):
            found.setdefault(file.stem, folder)
    found.pop(_ORIENTATION, None)
    found.pop("equ", None)
    return found
