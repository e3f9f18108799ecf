"""The first step of `make setup`: a virtual environment with everything in it.

Runs under the system's Python before anything is installed, so it and what it
imports use the standard library only: ``python3.11 -m rag_site.bootstrap``. A
stamp in the environment holds the digest of everything that was asked for: when
it matches, there is nothing to do; when a set-up was cut short, there is no stamp
and it goes on.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from rag_site.llama_options import options_here

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
STAMP = VENV / ".plumbline-stamp"
# The index that the torch which is there was taken from, "" for pip's own.
TORCH_STAMP = Path(f"{STAMP}-torch")
# What became of text recognition: "no", the lock's digest, or "failed" with it.
OCR_STAMP = Path(f"{STAMP}-ocr")
DECLINED = "no"
LOG = ROOT / "var" / "run" / "setup.log"
TORCH = "torch==2.13.0"
# Compiled by rag_site/llama_build.py for the instructions of llama_options.py.
COMPILED = "llama-cpp-python"
NETWORK = "Check the network and run it again: what is installed stays."
# Room for the environment and the build, in bytes (measured: 2.4 GB).
NEEDED_BYTES = 4 << 30
BAR_CELLS = 24


class SetupFailed(Exception):
    """Says what happened and what to do."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dev", action="store_true", help="also the test tools")
    parser.add_argument(
        "--ocr", action="store_true", help="text recognition without asking"
    )
    options = parser.parse_args()
    try:
        # Asked first, so that nobody has to wait for the question.
        with_ocr = options.ocr or wants_ocr(dev=options.dev)
        set_up(dev=options.dev)
        if with_ocr:
            add_ocr(again=options.ocr)
        else:
            decline_ocr()
    except SetupFailed as exc:
        sys.stderr.write(f"\nSet-up stopped: {exc}\n")
        return 1
    except KeyboardInterrupt:
        sys.stderr.write("\nSet-up interrupted. Run it again: it goes on from here.\n")
        return 130
    return 0


def set_up(*, dev: bool) -> None:
    check_python()
    wanted = stamp_of(dev=False)
    if read_stamp("") != wanted:
        check_disk()
        STAMP.unlink(missing_ok=True)
        LOG.parent.mkdir(parents=True, exist_ok=True)
        LOG.write_bytes(b"")
        make_venv()
        install_torch()
        install_requirements()
        compile_llama()
        STAMP.write_text(wanted)
    if dev and read_stamp("-dev") != stamp_of(dev=True):
        install_dev()
        Path(f"{STAMP}-dev").write_text(stamp_of(dev=True))


def wants_ocr(*, dev: bool) -> bool:
    """Whether to install text recognition: as OCR=0 or OCR=1 says, else as answered.

    Somebody at a terminal is asked once; without one it is installed, and so it
    is beside the test tools.
    """
    if (said := os.environ.get("OCR", "")) in {"0", "1"}:
        return said == "1"
    answer = read_stamp("-ocr")
    if dev or answer or not (sys.stdin.isatty() and sys.stderr.isatty()):
        return dev or answer != DECLINED
    sys.stderr.write(
        "Install text recognition (OCR) too, so that scans and pictures can be "
        "read? 14 MB to fetch, 52 MB on disk. [Y/n] "
    )
    sys.stderr.flush()
    return not sys.stdin.readline().strip().lower().startswith("n")


def decline_ocr() -> None:
    """Remember that somebody said no; OCR=0 holds for one run only."""
    if "OCR" not in os.environ and read_stamp("-ocr") != DECLINED:
        OCR_STAMP.write_text(DECLINED)
        sys.stderr.write("Scans will not be read. `make ocr` installs it later.\n")


def add_ocr(*, again: bool) -> None:
    """Install text recognition; a machine that it is not made for goes without."""
    digest = hashlib.sha256((ROOT / "requirements-ocr.txt").read_bytes()).hexdigest()
    if not again and read_stamp("-ocr").endswith(digest):
        return
    LOG.parent.mkdir(parents=True, exist_ok=True)
    lock = ["--require-hashes", "--no-deps", "--only-binary=:all:"]
    try:
        step(
            "Installing text recognition",
            pip("install", *lock, "-r", str(ROOT / "requirements-ocr.txt")),
            expected_s=8,
            advice="Scans and pictures will not be read. Install Tesseract from your "
            "system's packages instead, or try again with `make ocr`.",
        )
    except SetupFailed as exc:
        sys.stderr.write(f"\nWarning: {exc}\n")
        OCR_STAMP.write_text(f"failed {digest}")
    else:
        OCR_STAMP.write_text(digest)


def stamp_of(*, dev: bool) -> str:
    """Return a digest of everything that decides what gets installed."""
    asked = [sys.version_info[:2], TORCH, torch_index(), str(VENV), options_here()]
    digest = hashlib.sha256(repr(asked).encode())
    names = ["requirements.txt", "rag_site/llama_build.py"]
    for name in [*names, *(["requirements-dev.txt"] if dev else [])]:
        digest.update((ROOT / name).read_bytes())
    return digest.hexdigest()


def torch_index() -> str:
    return os.environ.get("PLUMBLINE_TORCH_INDEX", "").strip()


def read_stamp(suffix: str) -> str:
    try:
        return Path(f"{STAMP}{suffix}").read_text() if PYTHON.exists() else ""
    except OSError:
        return ""


def check_python() -> None:
    if sys.version_info[:2] != (3, 11):
        found = ".".join(str(part) for part in sys.version_info[:3])
        raise SetupFailed(
            f"this is Python {found}, and Plumbline needs 3.11. Install it (Debian: "
            "`apt install python3.11 python3.11-venv`) and name it: "
            "`make setup PYTHON=/path/to/python3.11`."
        )
    if not all(importlib.util.find_spec(name) for name in ("venv", "ensurepip")):
        raise SetupFailed(
            "this Python cannot make virtual environments. "
            "Debian: `apt install python3.11-venv`."
        )


def check_disk() -> None:
    free = shutil.disk_usage(ROOT).free
    if free < NEEDED_BYTES:
        raise SetupFailed(
            f"{free >> 20} MB are free on the disk of {ROOT}; the environment needs "
            f"{NEEDED_BYTES >> 20} MB. Make room and run it again."
        )


def make_venv() -> None:
    """Make the environment, or keep a usable half-finished one."""
    if PYTHON.exists() and works([PYTHON, "-m", "pip", "--version"]):
        return
    shutil.rmtree(VENV, ignore_errors=True)
    step(
        "Making the environment",
        [sys.executable, "-m", "venv", str(VENV)],
        expected_s=6,
        advice="Remove .venv and run it again.",
    )


def install_torch() -> None:
    """Install torch, and instead of one of another index: both have one version."""
    code = (
        f"import torch; assert 'torch=='+torch.__version__.split('+')[0] == {TORCH!r}"
    )
    index, is_here = torch_index(), works([PYTHON, "-c", code])
    if is_here and read_stamp("-torch") == index:
        return
    step(
        "Installing PyTorch",
        pip(
            "install",
            *(["--force-reinstall"] if is_here else []),
            *(["--index-url", index] if index else []),
            TORCH,
        ),
        expected_s=60,
        advice=NETWORK,
    )
    TORCH_STAMP.write_text(index)


def install_requirements() -> None:
    with tempfile.TemporaryDirectory() as folder:
        lock = Path(folder) / "requirements.txt"
        lock.write_text(without(COMPILED, (ROOT / "requirements.txt").read_text()))
        step(
            "Installing the requirements",
            pip("install", "--require-hashes", "--no-deps", "-r", str(lock)),
            expected_s=60,
            advice=NETWORK,
        )


def install_dev() -> None:
    LOG.parent.mkdir(parents=True, exist_ok=True)
    lock = str(ROOT / "requirements-dev.txt")
    step(
        "Installing the test tools",
        pip("install", "--require-hashes", "--no-deps", "-r", lock),
        expected_s=40,
        advice="Check the network and run it again.",
    )


def without(package: str, lock: str) -> str:
    """Return a hashed lock file less the entry of ``package``."""
    entry = rf"^{re.escape(package)}==.*\n(?:[ \t]+.*\n)*"
    return re.sub(entry, "", lock, flags=re.MULTILINE)


def compile_llama() -> None:
    """Hand over to the environment's Python, which shows its own progress."""
    done = subprocess.run(
        [PYTHON, "-m", "rag_site.llama_build"],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        check=False,
    )
    if done.returncode:
        raise SetupFailed("llama-cpp-python is not installed; the reason is above.")


def pip(command: str, *arguments: str) -> list[str]:
    quiet = ["--no-input", "--disable-pip-version-check", "--progress-bar=off"]
    return [str(PYTHON), "-m", "pip", command, *quiet, *arguments]


def works(command: list[object]) -> bool:
    done = subprocess.run(
        [str(part) for part in command],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
    )
    return done.returncode == 0


def step(title: str, command: list[str], *, expected_s: int, advice: str) -> None:
    """Run ``command`` with its words in the log and a line that shows the time.

    Raises:
        SetupFailed: it failed; carries the last lines of the log.
    """
    started = time.monotonic()
    with LOG.open("ab") as log:
        child = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=ROOT
        )
        try:
            while child.poll() is None:
                show(title, time.monotonic() - started, expected_s)
                try:
                    child.wait(0.5)
                except subprocess.TimeoutExpired:
                    continue
        finally:
            if child.poll() is None:
                child.terminate()
                child.wait()
    if child.returncode:
        raise SetupFailed(f"{title} failed.\n{last_lines(LOG)}\n{advice} Log: {LOG}")
    finish(title, time.monotonic() - started)


def show(title: str, elapsed_s: float, expected_s: float) -> None:
    """Redraw one line on a terminal; elsewhere print one line every half minute."""
    if sys.stderr.isatty():
        # Slows down near the end instead of standing at 100 %.
        part = elapsed_s / (elapsed_s + expected_s * 0.4)
        cells = "#" * int(part * BAR_CELLS)
        sys.stderr.write(
            f"\r{title:<28} [{cells:<{BAR_CELLS}}] {elapsed_s:.0f} s "
            f"of about {expected_s:.0f} s \x1b[K"
        )
        sys.stderr.flush()
    elif int(elapsed_s * 2) % 60 == 0:
        sys.stderr.write(f"{title}: {elapsed_s:.0f} s of about {expected_s:.0f} s\n")


def finish(title: str, elapsed_s: float) -> None:
    start, end = ("\r", "\x1b[K") if sys.stderr.isatty() else ("", "")
    sys.stderr.write(f"{start}{title:<28} done in {elapsed_s:.0f} s{end}\n")


def last_lines(path: Path, count: int = 8) -> str:
    lines = path.read_text(errors="replace").splitlines()[-count:]
    return "\n".join(f"    {line}" for line in lines)


if __name__ == "__main__":
    sys.exit(main())
