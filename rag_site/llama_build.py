"""Build llama-cpp-python for exactly this processor, once, and prove it.

The package is published as source. Its default build takes every instruction
set that it finds, and crashes on some processors with AMX (llama.cpp pull
request 26954). So the instruction sets are chosen here, the wheel is kept
under a name made of version, Python and options, and before it is used a small
model decodes a few tokens in a child process. Runs in the environment, after
the other requirements: ``python -m rag_site.llama_build``.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from rag_site.bootstrap import ROOT, SetupFailed, finish, last_lines, pip, without
from rag_site.llama_options import fewer, has_cuda, options_here
from rag_site.machine import usable_cores

PACKAGE = "llama-cpp-python"
PROOF_MODEL = "smollm2-135m-instruct-q4_1"
# Minutes on two cores; only the time shown before the first step is known.
EXPECTED_S = 480

# Tried in this order when a build dies of an illegal instruction.
_RETREATS = (r"^$", r"AVX512|AVX_VNNI", r"AVX|FMA|F16C|BMI2")


def locked_entry() -> str:
    """Return the lines of requirements.txt that pin the package and its hashes."""
    lock = (ROOT / "requirements.txt").read_text()
    rest = without(PACKAGE, lock)
    entry = next(block for block in _blocks(lock) if block.startswith(f"{PACKAGE}=="))
    if entry in rest:
        raise SetupFailed(f"requirements.txt names {PACKAGE} twice. Run `make lock`.")
    return entry


def _blocks(lock: str) -> Iterator[str]:
    yield from re.findall(r"^\S.*\n(?:[ \t]+.*\n)*", lock, flags=re.MULTILINE)


def wheel_folder(options: tuple[str, ...], entry: str) -> Path:
    version = entry.split("==", maxsplit=1)[1].split(maxsplit=1)[0]
    key = json.dumps([platform.machine(), platform.libc_ver(), sorted(options)])
    digest = hashlib.sha256(key.encode()).hexdigest()[:12]
    python = f"cp{sys.version_info[0]}{sys.version_info[1]}"
    cache = os.environ.get("PLUMBLINE_CACHE") or Path.home() / ".cache" / "plumbline"
    return Path(cache) / "wheels" / f"{version}-{python}-{digest}"


def main() -> int:
    try:
        ensure()
    except SetupFailed as exc:
        sys.stderr.write(f"\n{exc}\n")
        return 1
    return 0


def ensure() -> None:
    """Install a build that decodes on this machine, compiling only if need be.

    Raises:
        SetupFailed: no compiler, a failed build, or no build that runs.
    """
    entry, wanted = locked_entry(), options_here()
    for retreat in _RETREATS:
        options = fewer(wanted, retreat)
        folder = wheel_folder(options, entry)
        wheel = next(iter(folder.glob("*.whl")), None)
        _install(wheel or _build(options, entry, folder))
        if "-DGGML_CUDA=ON" in options and not has_cuda():
            return  # an image built where there is no GPU to run it on
        outcome = prove()
        if outcome == 0:
            return
        if outcome != -signal.SIGILL:
            break
        sys.stderr.write(
            "This processor does not run what its flags promise (illegal instruction). "
            "Building again with fewer instruction sets.\n"
        )
    shutil.rmtree(folder, ignore_errors=True)
    raise SetupFailed(
        f"llama-cpp-python was built but does not run here (exit status {outcome}). "
        "Set PLUMBLINE_CMAKE_ARGS to CMake options that suit this machine, such as "
        "-DGGML_NATIVE=OFF, and run it again."
    )


def check_compiler() -> None:
    """Find a C++ compiler; CMake and Ninja come from the package index."""
    chosen = os.environ.get("CXX")
    names = [chosen] if chosen else ["c++", "g++", "clang++"]
    if not any(shutil.which(name) for name in names):
        raise SetupFailed(
            "No C++ compiler was found, and the part that runs the language model is "
            "compiled here. Debian: `apt install g++`. Fedora: `dnf install gcc-c++`. "
            "macOS: `xcode-select --install`. Then run it again."
        )


def _build(options: tuple[str, ...], entry: str, folder: Path) -> Path:
    """Compile the pinned, hash-checked source and keep the wheel in ``folder``."""
    check_compiler()
    folder.parent.mkdir(parents=True, exist_ok=True)
    log = folder.parent / f"{folder.name}.log"
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix="build-") as scratch:
        lock = Path(scratch) / "llama.txt"
        lock.write_text(entry)
        command = pip("wheel", "--no-deps", "--require-hashes", "--no-cache-dir", "-v")
        command += ["-r", str(lock), "-w", f"{scratch}/out"]
        _run_build(command, options, log, scratch)
        built = Path(scratch) / "out"
        if not list(built.glob("*.whl")):
            raise SetupFailed(f"The build left no wheel. Log: {log}")
        (built / "options.json").write_text(json.dumps(options))
        shutil.rmtree(folder, ignore_errors=True)
        built.rename(folder)
    return next(folder.glob("*.whl"))


def _run_build(
    command: list[str], options: tuple[str, ...], log: Path, scratch: str
) -> None:
    environment = os.environ | {
        "CMAKE_ARGS": " ".join(options),
        "CMAKE_BUILD_PARALLEL_LEVEL": str(usable_cores()),
        "FORCE_CMAKE": "1",
        "TMPDIR": scratch,
    }
    started = time.monotonic()
    sys.stderr.write(
        "Compiling llama-cpp-python for this processor, once: "
        f"about {EXPECTED_S // 60} minutes on two cores.\n"
    )
    with log.open("wb") as output:
        child = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=scratch,
            env=environment,
            start_new_session=True,
        )
        try:
            _watch(child, _build_line(log, started))
        finally:
            if child.poll() is None:
                os.killpg(child.pid, signal.SIGTERM)
                child.wait()
    if child.returncode:
        raise SetupFailed(
            f"The build failed.\n{last_lines(log, 15)}\nLog: {log}. A network failure "
            "or a missing compiler is the usual reason; run it again once mended. To build "
            "without the GPU, set PLUMBLINE_CMAKE_ARGS=-DGGML_NATIVE=OFF."
        )
    finish("Compiling llama-cpp-python", time.monotonic() - started)


def _watch(child: subprocess.Popen[bytes], line: Callable[[], str]) -> None:
    """Redraw the line on a terminal; elsewhere print it every half minute."""
    is_terminal = sys.stderr.isatty()
    while child.poll() is None:
        sys.stderr.write(f"\r{line()}\x1b[K" if is_terminal else f"{line()}\n")
        sys.stderr.flush()
        try:
            child.wait(1 if is_terminal else 30)
        except subprocess.TimeoutExpired:
            continue


def _build_line(log: Path, started: float) -> Callable[[], str]:
    def line() -> str:
        done, total = steps_done(log.read_text(errors="replace"))
        elapsed = time.monotonic() - started
        # The step in hand counts half; the first quarter minute is set-up.
        left = (
            elapsed * (total - done) / done
            if done > total * 0.05
            else EXPECTED_S - elapsed
        )
        bar = "#" * int(24 * done / total)
        return (
            f"  compiling [{bar:<24}] {done / total:4.0%}  {elapsed / 60:.1f} min, "
            f"about {max(left, 0) / 60:.1f} min left"
        )

    return line


def steps_done(log: str) -> tuple[int, int]:
    """Return Ninja's last "[done/all]" of a build log, or (0, 1) before the first."""
    found = re.findall(r"\[(\d+)/(\d+)\] ", log)
    return (int(found[-1][0]), max(int(found[-1][1]), 1)) if found else (0, 1)


def _install(wheel: Path) -> None:
    command = pip("install", "--no-deps", "--no-index", "--force-reinstall", str(wheel))
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SetupFailed(f"The wheel could not be installed: {done.stderr[-500:]}")


_PROOF = """
import sys
from llama_cpp import Llama
model = Llama(sys.argv[1], n_ctx=128, n_threads=2, verbose=False)
made = model.create_completion("The capital of France is", max_tokens=4, temperature=0)
assert made["usage"]["completion_tokens"] > 0
"""


def prove() -> int:
    """Decode a few tokens in a child; return its exit status, negative for a signal."""
    from rag_site.errors import RagError
    from rag_site.terminal import shown_progress
    from rag_site.weights import fetch

    try:
        with shown_progress(PROOF_MODEL) as progress:
            model = fetch(PROOF_MODEL, progress)
    except RagError as exc:
        raise SetupFailed(exc.message) from exc
    started = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", _PROOF, str(model)],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    if done.returncode > 0:
        sys.stderr.write(done.stderr[-2000:])
    elif done.returncode == 0:
        finish("Trying llama-cpp-python", time.monotonic() - started)
    return done.returncode


if __name__ == "__main__":
    sys.exit(main())
