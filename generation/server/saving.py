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
from struct import Struct

from generation.server.kept import KeptPrefixes, State

logger = logging.getLogger(__name__)

# Scope of the labels of what everybody may read.
EVERYBODY = "shared:everybody"
# Files kept, of all models; those used last.
_MOST_FILES = 16
_SEAL_BYTES = hashlib.sha256().digest_size
# How many tokens come before those of the state, and how many there are in all.
_PLACES = Struct("<II")


class SavedPrefixes:
    """Saves nothing and has nothing."""

    def restore(self, kept: KeptPrefixes) -> None:
        """Take what was saved."""

    def save(self, kept: KeptPrefixes) -> None:
        """Save what is new."""


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
    # Files of this start, and how many tokens come before those in each.
    _known: dict[Path, int] = field(default_factory=dict)

    def restore(self, kept: KeptPrefixes) -> None:
        paths = self.folder.glob(f"{self._name}-*")
        saved = [one for path in paths if (one := self._read(path))]
        # A run goes on from one that begins before it.
        for tokens, start, state in sorted(saved, key=lambda one: one[1]):
            if kept.adopt(tokens, EVERYBODY, start, state):
                self._known[self._path(tokens, start)] = start
                logger.info("%d tokens need not be read again", len(tokens) - start)

    def _read(self, path: Path) -> tuple[tuple[int, ...], int, State] | None:
        try:
            opened = self._open(path.read_bytes())
            if opened is None:
                logger.warning("a saved prefix is damaged or of another site: %s", path)
                path.unlink()
        except OSError as exc:
            logger.warning("a saved prefix could not be read: %s", exc)
            return None
        return opened

    def save(self, kept: KeptPrefixes) -> None:
        before = len(self._known)
        for tokens, start, state in kept.of_scope(EVERYBODY):
            path = self._path(tokens, start)
            if path not in self._known:
                self._known[path] = start
                self._write(path, _told(tokens, start) + state)
        if len(self._known) > before:
            self._prune()

    def _path(self, tokens: Sequence[int], start: int) -> Path:
        digest = hashlib.sha256(_told(tokens, start)).hexdigest()
        return self.folder / f"{self._name}-{digest[:16]}"

    @property
    def _name(self) -> str:
        return hashlib.sha256(self.identity.encode()).hexdigest()[:16]

    def _seal(self, body: bytes) -> bytes:
        return hmac.digest(self.secret, self.identity.encode() + body, "sha256")

    def _open(self, raw: bytes) -> tuple[tuple[int, ...], int, State] | None:
        """Return tokens, where they start and their state, None without our seal."""
        seal, body = raw[:_SEAL_BYTES], raw[_SEAL_BYTES:]
        if not hmac.compare_digest(seal, self._seal(body)):
            return None
        start, count = _PLACES.unpack_from(body)
        tokens = array("i")
        end = _PLACES.size + tokens.itemsize * count
        tokens.frombytes(body[_PLACES.size : end])
        return tuple(tokens), start, body[end:]

    def _write(self, path: Path, body: bytes) -> None:
        new = path.with_name(f".{path.name}")
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT, 0o600), "wb") as file:
                file.write(self._seal(body) + body)
            new.replace(path)
        except OSError as exc:
            logger.warning("a prefix could not be saved: %s", exc)

    def _prune(self) -> None:
        """Delete those used longest ago: the ends of what is in use before its beginnings."""
        try:
            for path in sorted(self._known, key=self._known.__getitem__, reverse=True):
                if path.exists():
                    path.touch()
            files = [path for path in self.folder.iterdir() if path.name[0] != "."]
            files.sort(key=lambda path: path.stat().st_mtime_ns, reverse=True)
            for path in files[_MOST_FILES:]:
                path.unlink(missing_ok=True)
        except OSError as exc:
            logger.warning("saved prefixes could not be put in order: %s", exc)


def _told(tokens: Sequence[int], start: int) -> bytes:
    return _PLACES.pack(start, len(tokens)) + array("i", tokens).tobytes()
