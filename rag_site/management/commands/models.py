"""The model files: `manage.py models list|fetch|derive|verify|inspect NAME [--json]`."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from dataclasses import asdict
from http import HTTPStatus
from typing import Any

import httpx
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from rag_site import weights
from rag_site.errors import RagError
from rag_site.gguf import BUFFER_BYTES, Header, read_header
from rag_site.machine import usable_memory
from rag_site.running_site import running_site
from rag_site.terminal import shown_progress
from rag_site.weights import CATALOGUE, UnknownWeights, Weights
from rag_site.weights_plan import SHARE, MemoryShort, Wanted, plan

Report = dict[str, Any]
# Bytes that an embedding model of this size needs beside its weights: torch,
# the tokenizer and one batch (measured with all-MiniLM-L6-v2 and mpnet).
_TORCH_BYTES = 500 << 20

# Seconds for another model to be loaded.
_SWAP_S = 300


class Command(BaseCommand):
    help = (
        "List, fetch, verify or inspect the model files; derive a faster one from one "
        "that is here; swap the one that answers."
    )
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("action", choices=sorted(_ACTIONS))
        parser.add_argument("name", nargs="*", help="names of `models list`")
        parser.add_argument(
            "--json", action=argparse.BooleanOptionalAction, default=False
        )

    def handle(self, *_args: Any, **options: Any) -> None:
        action, names = options["action"], options["name"]
        if action in {"inspect", "swap", "derive"} and len(names) != 1:
            raise CommandError(f"Name one model: `models {action} NAME`.", returncode=2)
        try:
            report, status = _ACTIONS[action](names)
        except UnknownWeights as exc:
            raise CommandError(exc.message, returncode=2) from exc
        except RagError as exc:
            raise CommandError(exc.message) from exc
        text = json.dumps(report, indent=2) if options["json"] else _as_text(report)
        self.stdout.write(text)
        if status:
            sys.exit(status)


def _list(names: list[str]) -> tuple[Report, int]:
    return {"models": [_entry(weights.weights_named(n)) for n in names or CATALOGUE]}, 0


def _fetch(names: list[str]) -> tuple[Report, int]:
    chosen = [weights.weights_named(name) for name in names or weights.chosen_names()]
    for entry in chosen:
        with shown_progress(entry.name) as progress:
            weights.fetch(entry.name, progress)
    return {"models": [_entry(entry) for entry in chosen]}, 0


def _derive(names: list[str]) -> tuple[Report, int]:
    """Make a model in another format, once; its digest is noted beside it."""
    from generation.server.deriving import derive

    derive(names[0])
    return _inspect(names)


def _verify(names: list[str]) -> tuple[Report, int]:
    """Hash every file anew: those named, or all that are here."""
    here = [name for name in CATALOGUE if weights.state(name) != "missing"]
    report = {"models": [_verified(name) for name in names or here]}
    is_bad = any(entry["state"] != "ready" for entry in report["models"])
    return report, int(is_bad)


def _verified(name: str) -> Report:
    entry = weights.weights_named(name)
    state = weights.state(name)
    if state != "missing":
        state = "ready" if weights.verify(name) else "damaged"
    return {**_entry(entry), "state": state}


def _inspect(names: list[str]) -> tuple[Report, int]:
    entry = weights.weights_named(names[0])
    report = _entry(entry)
    if entry.derived_from and report["state"] != "missing":
        report["made"] = asdict(weights.manifest_of(entry))
    if entry.kind == "gguf" and report["digest"] and report["state"] != "missing":
        header = read_header(weights.path_of(entry))
        report["header"] = {name: getattr(header, name) for name in header.__slots__}
        cache = header.cache_bytes(settings.CONTEXT_TOKENS)
        report["memory"] = _memory(entry, cache=cache)
        report["plan"] = _plan(header, entry)
    return report, 0


def _plan(header: Header, entry: Weights) -> Report:
    """Return what `serve_model` would load now, or why it would refuse."""
    from generation.server.devices import gpus

    wanted = Wanted(
        context_tokens=settings.CONTEXT_TOKENS,
        slots=settings.MODEL_SLOTS,
        cells=settings.CACHE_TOKENS,
        gpu_layers=settings.GPU_LAYERS,
    )
    free = usable_memory()
    try:
        found = plan(header, entry.size_bytes, wanted, ram_free=free, devices=gpus())
    except MemoryShort as exc:
        return {"refused": exc.message}
    return asdict(found)


def _swap(names: list[str]) -> tuple[Report, int]:
    """Ask the running site's model server to change over, and wait until it has."""
    name = weights.weights_named(names[0]).name
    site = running_site(settings.VAR_DIR)
    url = settings.MODEL_SERVER_URL or (site.model_server_url if site else "")
    key = settings.MODEL_SERVER_KEY or (site.model_server_key if site else "")
    if not url:
        raise CommandError("No model server runs here. Start the site with `make run`.")
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    root = url.rstrip("/").removesuffix("/v1")
    try:
        with httpx.Client(base_url=root, headers=headers, trust_env=False) as client:
            reply = client.post("/v1/models/swap", json={"model": name}, timeout=60)
            if reply.status_code != HTTPStatus.ACCEPTED:
                raise CommandError(reply.json()["error"]["message"])
            is_loaded = _await_model(client, name)
    except (httpx.HTTPError, ValueError, KeyError) as exc:
        raise CommandError("The model server does not answer.") from exc
    if not is_loaded:
        raise CommandError(
            f"{name} was not loaded within {_SWAP_S} s, and the model before it goes on. "
            "The log of the model server says why."
        )
    return {"models": [_entry(weights.weights_named(name))]}, 0


def _await_model(client: httpx.Client, name: str) -> bool:
    until = time.monotonic() + _SWAP_S
    while time.monotonic() < until:
        rows = client.get("/v1/models", timeout=30).json()["data"]
        if rows and rows[0]["id"] == name:
            return True
        time.sleep(0.5)
    return False


def _entry(entry: Weights) -> Report:
    return {
        "name": entry.name,
        "kind": entry.kind,
        "role": entry.role,
        "state": weights.state(entry.name),
        "size_bytes": entry.size_bytes,
        "parameters": entry.parameters,
        "quantization": entry.quantization,
        "context_tokens": entry.context_tokens,
        "dimension": entry.dimension or None,
        "licence": entry.licence,
        "digest": _digest(entry),
        "derived_from": entry.derived_from or None,
        "tested": entry.tested,
        "memory": _memory(entry, cache=None),
    }


def _digest(entry: Weights) -> str | None:
    is_made = entry.derived_from and weights.state(entry.name) != "missing"
    return weights.digest_of(entry) if is_made else entry.digest


def _memory(entry: Weights, *, cache: int | None) -> Report:
    """Return the plan in bytes; the cache of a model is known from its header."""
    buffers = BUFFER_BYTES if entry.kind == "gguf" else _TORCH_BYTES
    total = entry.size_bytes + buffers + (cache or 0)
    free = usable_memory()
    return {
        "weights_bytes": entry.size_bytes,
        "cache_bytes": cache,
        "cache_context_tokens": settings.CONTEXT_TOKENS if cache else None,
        "buffer_bytes": buffers,
        "total_bytes": total,
        "available_bytes": free,
        "fits": total <= free * SHARE,
    }


def _as_text(report: Report) -> str:
    if "models" in report:
        return "\n".join(_line(entry) for entry in report["models"])
    facts = {**report.get("header", {}), **report}
    memory = facts.pop("memory")
    facts |= facts.pop("made", {})
    planned = facts.pop("plan", {})
    facts.pop("header", None)
    rows = [f"{name.replace('_', ' '):<20} {value}" for name, value in facts.items()]
    fits = "fits" if memory["fits"] else "does NOT fit"
    parts = ("weights_bytes", "cache_bytes", "buffer_bytes")
    sums = " + ".join(f"{(memory[part] or 0) / 1e6:,.0f}" for part in parts)
    rows.append(
        f"{'memory':<20} {sums} = {memory['total_bytes'] / 1e6:,.0f} MB (weights, cache, "
        f"buffers); {memory['available_bytes'] / 1e6:,.0f} MB are free: it {fits}"
    )
    reasons = [planned["refused"]] if "refused" in planned else planned.get("why", ())
    rows += [f"{'plan':<20} {reason}" for reason in reasons]
    return "\n".join(rows)


def _line(entry: Report) -> str:
    note = "" if entry["tested"] else ", untested here"
    fits = "" if entry["memory"]["fits"] else ", more than the free memory"
    return (
        f"{entry['name']:<36} {entry['state']:<10} {entry['size_bytes'] / 1e6:>7,.0f} MB  "
        f"{entry['licence']}  {entry['role']}{note}{fits}"
    )


_ACTIONS: dict[str, Callable[[list[str]], tuple[Report, int]]] = {
    "list": _list,
    "fetch": _fetch,
    "derive": _derive,
    "verify": _verify,
    "inspect": _inspect,
    "swap": _swap,
}
