"""The model files: `manage.py models list|fetch|verify|inspect NAME [--json]`."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from typing import Any

import psutil
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from rag_site import weights
from rag_site.errors import RagError
from rag_site.gguf import BUFFER_BYTES, read_header
from rag_site.terminal import shown_progress
from rag_site.weights import CATALOGUE, UnknownWeights, Weights

Report = dict[str, Any]
# Bytes that an embedding model of this size needs beside its weights: torch,
# the tokenizer and one batch (measured with all-MiniLM-L6-v2 and mpnet).
_TORCH_BYTES = 500 << 20


class Command(BaseCommand):
    help = "List, fetch, verify or inspect the model files of the catalogue."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("action", choices=sorted(_ACTIONS))
        parser.add_argument("name", nargs="*", help="names of `models list`")
        parser.add_argument(
            "--json", action=argparse.BooleanOptionalAction, default=False
        )

    def handle(self, *_args: Any, **options: Any) -> None:
        action, names = options["action"], options["name"]
        if action == "inspect" and len(names) != 1:
            raise CommandError("Name one model: `models inspect NAME`.", returncode=2)
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
    if entry.kind == "gguf" and entry.digest and report["state"] != "missing":
        header = read_header(weights.path_of(entry))
        report["header"] = {name: getattr(header, name) for name in header.__slots__}
        cache = header.cache_bytes(settings.CONTEXT_TOKENS)
        report["memory"] = _memory(entry, cache=cache)
    return report, 0


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
        "digest": entry.digest,
        "tested": entry.tested,
        "memory": _memory(entry, cache=None),
    }


def _memory(entry: Weights, *, cache: int | None) -> Report:
    """Return the plan in bytes; the cache of a model is known from its header."""
    buffers = BUFFER_BYTES if entry.kind == "gguf" else _TORCH_BYTES
    total = entry.size_bytes + buffers + (cache or 0)
    free = psutil.virtual_memory().available
    return {
        "weights_bytes": entry.size_bytes,
        "cache_bytes": cache,
        "cache_context_tokens": settings.CONTEXT_TOKENS if cache else None,
        "buffer_bytes": buffers,
        "total_bytes": total,
        "available_bytes": free,
        "fits": total < free,
    }


def _as_text(report: Report) -> str:
    if "models" in report:
        return "\n".join(_line(entry) for entry in report["models"])
    facts = {**report.get("header", {}), **report}
    plan = facts.pop("memory")
    facts.pop("header", None)
    rows = [f"{name.replace('_', ' '):<20} {value}" for name, value in facts.items()]
    fits = "fits" if plan["fits"] else "does NOT fit"
    parts = ("weights_bytes", "cache_bytes", "buffer_bytes")
    sums = " + ".join(f"{(plan[part] or 0) / 1e6:,.0f}" for part in parts)
    rows.append(
        f"{'memory':<20} {sums} = {plan['total_bytes'] / 1e6:,.0f} MB (weights, cache, "
        f"buffers); {plan['available_bytes'] / 1e6:,.0f} MB are free: it {fits}"
    )
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
    "verify": _verify,
    "inspect": _inspect,
}
