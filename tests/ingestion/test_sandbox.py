"""The parser child: limits hold, failures have names, nothing leaks."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pytest

from ingestion import readers, sandbox
from ingestion.errors import (
    Corrupt,
    Encrypted,
    LimitExceeded,
    NoText,
    ParseCancelled,
    ParseFailed,
    ParserCrashed,
)
from ingestion.readers import ForkServer
from ingestion.sandbox import parse_in_child
from ingestion.types import Parsed, ParseJob, ParseLimits
from ingestion.uploads import SUPPORTED
from rag_site.errors import TransientError
from tests import samples

_ROOT = Path(__file__).resolve().parents[2]


# Minutes for the parser, which looks through all that are open for each; without
# attributes they would be dropped before it.
SLOW = b"<html>" + b"<div id=a>" * 200_000


def _job(folder: Path, name: str, data: bytes) -> ParseJob:
    path = folder / "stored"
    path.write_bytes(data)
    media_type = SUPPORTED[Path(name).suffix]
    return ParseJob(path=str(path), media_type=media_type, name=name)


def _limited(job: ParseJob, limits: ParseLimits) -> ParseJob:
    return replace(job, limits=limits)


def _parsed(folder: Path, name: str, data: bytes) -> Parsed:
    return parse_in_child(_job(folder, name, data))


def test_a_page_of_any_length_is_taken_in_one_pass() -> None:
    """Pages of millions of characters come as one line, in small blocks."""
    come, go = os.pipe()

    def write() -> None:
        with os.fdopen(go, "wb") as out:
            out.write(b'{"a": "' + b"x" * 100_000_000 + b'"}\n{}\n')

    threading.Thread(target=write).start()
    limits = ParseLimits()
    with os.fdopen(come, "rb") as stdout:
        reader: Any = SimpleNamespace(stdout=stdout)
        began = time.thread_time()
        lines = list(sandbox._lines(reader, limits, sandbox.Clock(limits), None))
    assert time.thread_time() - began < 3
    assert [len(line) for line in lines] == [100_000_009, 2]


def test_pages_and_progress_come_back(tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    job = _job(tmp_path, "a.pdf", samples.pdf_bytes(["# One", "Two", "Three"]))

    parsed = parse_in_child(
        job, progress=lambda done, total: seen.append((done, total))
    )

    assert [page.text for page in parsed.pages] == ["One", "Two", "Three"]
    assert parsed.title == "One"
    assert seen[-1] == (3, 3)


@pytest.mark.parametrize(
    ("name", "data", "kind"),
    [
        ("a.pdf", samples.encrypted_pdf_bytes(), Encrypted),
        ("a.pdf", samples.corrupt_pdf_bytes(), Corrupt),
        ("a.pdf", samples.scanned_pdf_bytes(2), NoText),
        ("a.docx", samples.truncated_docx_bytes(), Corrupt),
        ("a.docx", samples.bomb_docx_bytes(), LimitExceeded),
        ("a.docx", samples.laughing_docx_bytes(), LimitExceeded),
        ("a.docx", samples.xxe_docx_bytes(), LimitExceeded),
        ("a.docx", samples.slipping_docx_bytes(), Corrupt),
        ("a.xlsx", b"PK\x03\x04" + bytes(100), Corrupt),
        ("a.txt", b"  \n ", NoText),
        ("a.json", b"{not json", Corrupt),
        ("a.json", b"[" * 100_000, LimitExceeded),
        ("a.rtf", b"not rtf", Corrupt),
    ],
)
def test_bad_files_fail_with_the_reason(
    name: str, data: bytes, kind: type[ParseFailed], tmp_path: Path
) -> None:
    with pytest.raises(kind) as caught:
        _parsed(tmp_path, name, data)

    assert "Traceback" not in caught.value.message
    assert str(tmp_path) not in caught.value.message


def test_a_scan_is_told_what_it_needs(tmp_path: Path) -> None:
    with pytest.raises(NoText, match="text recognition"):
        _parsed(tmp_path, "a.pdf", samples.scanned_pdf_bytes())


def test_too_many_pages_name_the_limit(tmp_path: Path) -> None:
    job = _job(tmp_path, "a.pdf", samples.pdf_bytes(["x"] * 12))

    with pytest.raises(LimitExceeded, match="12 pages; the limit is 10"):
        parse_in_child(_limited(job, ParseLimits(max_pages=10)))


def test_too_much_text_names_the_limit(tmp_path: Path) -> None:
    job = _job(tmp_path, "a.txt", b"word " * 1000)

    with pytest.raises(LimitExceeded, match="4,999 characters; the limit is 1,000"):
        parse_in_child(_limited(job, ParseLimits(max_chars=1000)))


def test_memory_is_limited(tmp_path: Path) -> None:
    job = _job(tmp_path, "a.csv", b"a,b,c\n" * 4_000_000)

    with pytest.raises(LimitExceeded, match="150 MB"):
        parse_in_child(_limited(job, ParseLimits(memory_mb=150)))


def test_memory_is_limited_in_native_code_too(tmp_path: Path) -> None:
    job = _job(tmp_path, "a.pdf", samples.bomb_pdf_bytes(400))

    with pytest.raises(LimitExceeded, match="300 MB"):
        parse_in_child(_limited(job, ParseLimits(memory_mb=300)))


def test_computing_time_is_limited(tmp_path: Path) -> None:
    job = _job(tmp_path, "a.html", SLOW)

    with pytest.raises(LimitExceeded, match="1 s of computing"):
        parse_in_child(_limited(job, ParseLimits(cpu_s=1)))


def test_the_wall_clock_is_limited(tmp_path: Path) -> None:
    job = _job(tmp_path, "a.html", SLOW)
    started = time.monotonic()

    with pytest.raises(LimitExceeded, match="longer than 1 s"):
        parse_in_child(_limited(job, ParseLimits(wall_s=1)))

    assert time.monotonic() - started < 10


def test_cancelling_kills_the_child(tmp_path: Path) -> None:
    job = _job(tmp_path, "a.html", SLOW)
    started = time.monotonic()

    with pytest.raises(ParseCancelled):
        parse_in_child(job, cancelled=lambda: time.monotonic() - started > 0.5)

    assert time.monotonic() - started < 10


def test_a_missing_file_is_our_own_fault(tmp_path: Path) -> None:
    job = ParseJob(
        path=str(tmp_path / "gone"), media_type="text/plain", name="gone.txt"
    )

    with pytest.raises(TransientError):
        parse_in_child(job)


_CRASHING = """
import os, sys, time
sys.path.insert(0, sys.argv[1])
from ingestion.parsing import child
def crash(job, emit):
    {before}
    os.abort()
child._run = crash
from ingestion.parsing import fork_server
fork_server.serve(int(sys.argv[2]), child.main)
"""

Crashing = Callable[[str], None]


@pytest.fixture
def crashing(monkeypatch: pytest.MonkeyPatch) -> Iterator[Crashing]:
    """Let every child run some code and then abort."""
    servers: list[ForkServer] = []

    def set_up(before: str) -> None:
        servers.append(ForkServer(_CRASHING.format(before=before)))
        monkeypatch.setattr(sandbox, "_READERS", servers[-1])

    yield set_up
    for server in servers:
        server.stop()


def test_a_crash_of_native_code_is_a_failed_document(
    tmp_path: Path, crashing: Crashing
) -> None:
    crashing("pass")
    # A worker that holds more than the child may hold tells nothing about it.
    held = b"x" * 200_000_000
    job = _job(tmp_path, "a.txt", b"text")

    with pytest.raises(ParserCrashed):
        parse_in_child(_limited(job, ParseLimits(memory_mb=150)))

    assert len(held) > 150 * 1_000_000


def test_a_crash_near_the_limit_is_a_lack_of_memory(
    tmp_path: Path, crashing: Crashing
) -> None:
    crashing("held = b'x' * 120_000_000")
    job = _job(tmp_path, "a.txt", b"text")

    with pytest.raises(LimitExceeded, match="200 MB"):
        parse_in_child(_limited(job, ParseLimits(memory_mb=200)))


def test_half_an_answer_is_a_crash(tmp_path: Path, crashing: Crashing) -> None:
    half = "out = emit.__closure__[0].cell_contents; out.write('[1'); out.flush()"
    crashing(half)

    with pytest.raises(ParserCrashed):
        _parsed(tmp_path, "a.txt", b"text")


def test_killing_the_child_kills_its_reader(tmp_path: Path, crashing: Crashing) -> None:
    mark = tmp_path / "reader"
    wait = f"open({str(mark)!r}, 'w').write(str(os.getpid())); time.sleep(60)"
    crashing(wait)
    started = time.monotonic()

    with pytest.raises(ParseCancelled):
        parse_in_child(
            _job(tmp_path, "a.txt", b"text"),
            cancelled=lambda: mark.exists() and bool(mark.read_text()),
        )

    assert not psutil.pid_exists(int(mark.read_text()))
    assert time.monotonic() - started < 30


def test_nothing_is_left_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(sandbox.tempfile, "tempdir", str(folder))

    data = samples.eml_bytes("s", "body", attachments={"a.txt": b"attached words"})
    parsed = _parsed(tmp_path, "a.eml", data)

    assert "attached words" in parsed.pages[1].text
    assert list(folder.iterdir()) == []


_PROBE = """
import json, sys
sys.path.insert(0, {root!r})
from ingestion.parsing.child import confine
confine({limits})
found = {{}}
def attempt(name, call):
    try:
        call()
        found[name] = "allowed"
    except BaseException as exc:
        found[name] = type(exc).__name__
import os, socket, subprocess
attempt("socket", lambda: socket.socket())
attempt("lookup", lambda: socket.getaddrinfo("localhost", 80))
attempt("process", lambda: subprocess.run(["true"]))
attempt("shell", lambda: os.system("true"))
attempt("memory", lambda: bytearray(2 * 1024**3))
found["django"] = "django" in sys.modules
found["secret"] = "SECRET_KEY" in os.environ
print(json.dumps(found))
"""


def test_a_confined_child_cannot_reach_out() -> None:
    code = _PROBE.format(root=str(_ROOT), limits=asdict(ParseLimits()))

    done = subprocess.run(
        [sys.executable, "-I", "-c", code],
        capture_output=True,
        check=True,
        env={"PATH": os.defpath},
    )

    assert json.loads(done.stdout) == {
        "socket": "PermissionError",
        "lookup": "PermissionError",
        "process": "PermissionError",
        "shell": "PermissionError",
        "memory": "MemoryError",
        "django": False,
        "secret": False,
    }


def test_the_child_loads_no_framework_and_no_parser_it_does_not_need() -> None:
    code = (
        f"import sys; sys.path.insert(0, {str(_ROOT)!r}); "
        "import ingestion.parsing.fork_server; "
        "print(*{m.partition('.')[0] for m in sys.modules})"
    )

    done = subprocess.run(
        [sys.executable, "-I", "-c", code], capture_output=True, check=True, text=True
    )

    loaded = set(done.stdout.split())
    heavy = {"django", "celery", "torch", "pypdfium2", "openpyxl", "lxml", "numpy"}
    assert loaded & heavy == set()


def test_readers_start_again_after_their_server_was_killed(tmp_path: Path) -> None:
    assert _parsed(tmp_path, "a.txt", b"one").pages[0].text == "one"
    server = sandbox._READERS._process
    assert server is not None
    server.kill()
    server.wait()

    assert _parsed(tmp_path, "a.txt", b"two").pages[0].text == "two"


def test_the_fork_server_holds_no_secret_and_no_channel_of_a_reader(
    tmp_path: Path,
) -> None:
    _parsed(tmp_path, "a.txt", b"text")
    server = sandbox._READERS._process
    assert server is not None
    process = psutil.Process(server.pid)

    assert set(process.environ()) <= {*readers._ENVIRONMENT, "LC_CTYPE"}
    # Nothing, nothing, nothing, the control socket and the pipe that wakes it.
    assert process.num_fds() == 6
    # The reader that just ended may not have been reaped yet.
    assert psutil.wait_procs(process.children(), timeout=10)[1] == []


def test_the_fork_server_ends_with_the_process_that_started_it() -> None:
    code = (
        f"import sys; sys.path.insert(0, {str(_ROOT)!r}); "
        "from ingestion.readers import ForkServer; server = ForkServer(); "
        "server.fork('/tmp'); print(server._process.pid, flush=True); "
        "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)

    psutil.wait_procs(
        [psutil.Process(int(pid)) for pid in done.stdout.split()
         if psutil.pid_exists(int(pid))], timeout=30,
    )  # fmt: skip
    assert done.stdout.strip()
    assert not any(psutil.pid_exists(int(pid)) for pid in done.stdout.split())
