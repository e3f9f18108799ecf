"""The processes that make up the site, as the supervisor starts them."""

from __future__ import annotations

import sys
from pathlib import Path

from django.conf import settings

from rag_site.machine import usable_cores
from rag_site.supervisor import Part

_BASE_DIR = Path(__file__).resolve().parent.parent
MANAGE = (sys.executable, str(_BASE_DIR / "manage.py"))
_CELERY = (sys.executable, "-m", "celery", "--quiet", "-A", "rag_site.celery")
# uvicorn has neither a header limit nor a connection limit by default, and its
# access log would hold the questions that are in addresses.
_UVICORN_FLAGS = (
    *("--http", "h11", "--h11-max-incomplete-event-size", "16384"),
    *("--limit-concurrency", "200", "--timeout-keep-alive", "5"),
    *("--no-server-header", "--no-proxy-headers", "--no-access-log"),
    "--no-use-colors",
)
# Nothing in the site may ask a hub for anything.
_OFFLINE = {
    "HF_HUB_OFFLINE": "1",
    "TRANSFORMERS_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "TOKENIZERS_PARALLELISM": "false",
    "PYTHONUNBUFFERED": "1",
}
PART_NAMES = ("model", "small", "large", "beat", "web")


def model_server(port: int, model: str) -> Part:
    return Part(
        name="model",
        command=(*MANAGE, "serve_model", "--port", str(port), "--model", model),
        environment=_OFFLINE,
        health_url=f"http://127.0.0.1:{port}/health",
        stop_s=8,
    )


def workers() -> tuple[Part, Part]:
    """Two processes, so that a long document never holds up a short one.

    Thread pools: torch hangs after a fork (celery issue 4113). The one for large
    files has no embedding model in memory until the first such file comes.
    """
    return _worker("small"), _worker("large")


def _worker(queue: str) -> Part:
    threads = str(max(1, usable_cores() // 2))
    return Part(
        name=queue,
        command=(
            *_CELERY,
            "worker",
            *("-Q", queue, "-P", "threads", "-n", f"{queue}@%h"),
            *("--without-gossip", "--without-mingle"),
        ),
        environment={**_OFFLINE, "OMP_NUM_THREADS": threads},
        ready_line=" ready.",
        stop_s=10,
        stage=1,
    )


def beat(var_dir: Path) -> Part:
    """The timers. Their state is dropped: a killed beat may leave it damaged."""
    schedule = var_dir / "run" / "beat-schedule"
    for leftover in schedule.parent.glob("beat-schedule*"):
        leftover.unlink()
    return Part(
        name="beat",
        command=(*_CELERY, "beat", "-s", str(schedule), "--pidfile="),
        environment=_OFFLINE,
        stage=1,
    )


def web(host: str, port: int) -> Part:
    shown = _reached_as(host)
    # Its own health is asked, and the first link opened, by names that the operator
    # need not list.
    served = dict.fromkeys([*settings.ALLOWED_HOSTS, shown, "localhost"])
    return Part(
        name="web",
        command=(
            *(sys.executable, "-m", "uvicorn", "rag_site.asgi:application"),
            *("--host", host, "--port", str(port), "--timeout-graceful-shutdown", "8"),
            *_UVICORN_FLAGS,
        ),
        environment={
            **_OFFLINE,
            "PLUMBLINE_DATABASE_POOL": "1",
            "PLUMBLINE_ALLOWED_HOSTS": ",".join(served),
        },
        health_url=f"http://{shown}:{port}/health/live",
        stop_s=12,
        stage=2,
        is_essential=True,
    )


def address_of(host: str, port: int) -> str:
    """Return the address that a person on this machine opens."""
    shown = _reached_as(host)
    is_local = shown in {"127.0.0.1", "[::1]"}
    return f"http://{'localhost' if is_local else shown}:{port}"


def _reached_as(host: str) -> str:
    """Return the host of an address that leads to what listens on ``host``."""
    # asyncio keeps what listens on "::" to IPv6.
    any_address = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - replaced
    found = any_address.get(host, host)
    return f"[{found}]" if ":" in found else found
