"""Judged document sets in the shape of BEIR.

A folder holds ``corpus.jsonl`` or ``corpus.jsonl.gz`` (_id, title, text),
``queries.jsonl`` (_id, text) and ``qrels.tsv`` (query-id, corpus-id, score,
under a header). Thakur et al., "BEIR: A Heterogenous Benchmark for Zero-shot
Evaluation of Information Retrieval Models", 2021.
"""

from __future__ import annotations

import csv
import gzip
import json
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rag_site.errors import InvalidInput


class CorpusInvalid(InvalidInput):
    """This folder is not a judged document set. It needs corpus.jsonl, queries.jsonl and qrels.tsv."""

    code = "corpus_invalid"


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    id: str
    title: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """Questions by id, and for each the grades of documents by id."""

    queries: Mapping[str, str]
    qrels: Mapping[str, Mapping[str, int]]


def read_corpus(directory: Path) -> list[Text]:
    """Raises CorpusInvalid."""
    for name in ("corpus.jsonl.gz", "corpus.jsonl"):
        if (directory / name).exists():
            return [
                Text(id=row["_id"], title=row.get("title") or "", text=row["text"])
                for row in read_lines(directory / name)
            ]
    raise CorpusInvalid(f"{directory} holds neither corpus.jsonl nor corpus.jsonl.gz.")


def read_judged(directory: Path) -> Judged:
    """Return the queries that have a judgement. Raises CorpusInvalid."""
    qrels: dict[str, dict[str, int]] = defaultdict(dict)
    try:
        with (directory / "qrels.tsv").open(newline="", encoding="utf-8") as lines:
            for row in csv.DictReader(lines, delimiter="\t"):
                qrels[row["query-id"]][row["corpus-id"]] = int(row["score"])
    except (OSError, KeyError, ValueError) as exc:
        raise CorpusInvalid(f"{directory}/qrels.tsv cannot be read.") from exc
    queries = {
        row["_id"]: row["text"] for row in read_lines(directory / "queries.jsonl")
    }
    judged = {query: text for query, text in queries.items() if query in qrels}
    return Judged(queries=judged, qrels={query: qrels[query] for query in judged})


def read_lines(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the objects of a JSON-lines file, unpacked if it ends in .gz.

    A byte order mark, as editors of Windows set it, is no part of the first line.
    """
    opened = gzip.open if path.suffix == ".gz" else open
    try:
        with opened(path, "rt", encoding="utf-8-sig") as lines:
            yield from (json.loads(line) for line in lines if line.strip())
    except (OSError, ValueError) as exc:
        raise CorpusInvalid(f"{path} cannot be read.") from exc
