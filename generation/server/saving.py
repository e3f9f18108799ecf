"""Prefixes that everybody may read, kept on disk so that a restart does not read them again.

These are the site's own instructions and worked examples, some hundred tokens before
every question. Nothing of a document, a question or a person is saved. A file counts
only with its seal, so nobody who lacks the site's secret can put words into the cache.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
import os
from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from generation.server.prefixes import labelled
from generation.server.sequences import Sequences

logger = logging.getLogger(__name__)

# Scope of the labels of what everybody may read.
EVERYBODY = "shared:everybody"
# Fewer tokens are read again sooner than a file is.
_MIN_TOKENS = 32
# Files kept, of all models; those written last.
_MOST_FILES = 8
_SEAL_BYTES = hashlib.sha256().digest_size
_COUNT_BYTES = 4


class SavedPrefixes:
    """Saves nothing and has nothing."""

    def restore(self, sequences: Sequences) -> None:
        """Take what was saved into the cache."""

    def save(self, sequences: Sequences) -> None:
        """Save what is new in the cache."""


NOTHING_SAVED = SavedPrefixes()


@dataclass(kw_only=True)
class PrefixFiles(SavedPrefixes):
    """A file for each prefix.

    Attributes:
        identity: of weights, library and cache; another one's files are passed over.
        secret: seals the files.
    """

    folder: Path
    identity: str
    secret: bytes
    _known: set[tuple[int, ...]] = field(default_factory=set)

    def restore(self, sequences: Sequences) -> None:
        try:
            for path in sorted(self.folder.glob(f"{self._name}-*")):
                self._restore(path, sequences)
        except OSError as exc:
            logger.warning("a saved prefix could not be read: %s", exc)

    def _restore(self, path: Path, sequences: Sequences) -> None:
        opened = self._open(path.read_bytes())
        if opened is None:
            logger.warning("a saved prefix is damaged or of another site: %s", path)
            path.unlink()
            return
        tokens, state = opened
        if sequences.adopt(labelled(tokens, EVERYBODY), state):
            self._known.add(tokens)
            logger.info("%d tokens need not be read again", len(tokens))

    def save(self, sequences: Sequences) -> None:
        for tokens, holder in sequences.leading(EVERYBODY):
            if len(tokens) < _MIN_TOKENS or tokens in self._known:
                continue
            state = sequences.state(holder, len(tokens))
            if state:
                self._known.add(tokens)
                self._write(tokens, state)

    @property
    def _name(self) -> str:
        return hashlib.sha256(self.identity.encode()).hexdigest()[:16]

    def _seal(self, body: bytes) -> bytes:
        return hmac.digest(self.secret, self.identity.encode() + body, "sha256")

    def _open(self, raw: bytes) -> tuple[tuple[int, ...], bytes] | None:
        """Return tokens and state, None if this site did not seal them."""
        seal, body = raw[:_SEAL_BYTES], raw[_SEAL_BYTES:]
        if not hmac.compare_digest(seal, self._seal(body)):
            return None
        tokens = array("i")
        start = _COUNT_BYTES + tokens.itemsize * int.from_bytes(body[:_COUNT_BYTES])
        tokens.frombytes(body[_COUNT_BYTES:start])
        return tuple(tokens), body[start:]

    def _write(self, tokens: Sequence[int], state: bytes) -> None:
        told = array("i", tokens).tobytes()
        body = len(tokens).to_bytes(_COUNT_BYTES) + told + state
        name = f"{self._name}-{hashlib.sha256(told).hexdigest()[:16]}"
        new = self.folder / f".{name}"
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT, 0o600), "wb") as file:
                file.write(self._seal(body) + body)
            new.replace(self.folder / name)
            self._prune()
        except OSError as exc:
            logger.warning("a prefix could not be saved: %s", exc)

    def _prune(self) -> None:
        files = [path for path in self.folder.iterdir() if path.name[0] != "."]
        files.sort(key=lambda path: path.stat().st_mtime, reverse=True)
        for path in files[_MOST_FILES:]:
            path.unlink(missing_ok=True)
