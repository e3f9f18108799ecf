"""Files whose name is taken, kept a while until their sender has chosen.

The bytes lie on the disk under a random name; what else is known travels in a
signed token, so that nothing has to be sent twice and nothing is stored.
"""

from __future__ import annotations

import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import UUID

from django.conf import settings
from django.core import signing

from ingestion.receiving import Sent
from rag_site.asking import Asker
from rag_site.errors import Conflict, NotFound

#: Seconds that a file waits for its sender.
HELD_S = 3600
_SALT = "plumbline.held-upload"


class NoLongerHeld(Conflict):
    """This file has waited too long, or a choice was made already. Add it again if you still need it."""

    code = "no_longer_held"


def hold(asker: Asker, collection_id: UUID, sent: Sent) -> str:
    """Move the file aside; return the token that brings it back."""
    forget_old()
    name = secrets.token_hex(16)
    shutil.move(sent.path, _folder() / name)
    return signing.dumps(
        {
            "held": name,
            "name": sent.name,
            "folder": sent.folder,
            "collection": str(collection_id),
            "user": asker.user_id,
        },
        salt=_SALT,
        compress=True,
    )


@contextmanager
def held(asker: Asker, collection_id: UUID, token: str) -> Iterator[Sent]:
    """Give the file back for one use; without an error it is removed afterwards.

    Raises:
        NoLongerHeld: too late, or chosen already.
        NotFound: the token is not this asker's, or of another collection.
    """
    try:
        told = signing.loads(token, salt=_SALT, max_age=HELD_S)
    except signing.SignatureExpired as exc:
        raise NoLongerHeld from exc
    except signing.BadSignature as exc:
        raise NotFound from exc
    if (told["user"], told["collection"]) != (asker.user_id, str(collection_id)):
        raise NotFound
    path = _folder() / told["held"]
    if not path.is_file():
        raise NoLongerHeld
    yield Sent(path=path, name=told["name"], folder=told["folder"])
    path.unlink(missing_ok=True)


def forget_old() -> None:
    """Remove what nobody came back for."""
    for path in _folder().iterdir():
        _forget_if_old(path)


def _forget_if_old(path: Path) -> None:
    try:
        if path.stat().st_mtime < time.time() - HELD_S:
            path.unlink()
    except FileNotFoundError:
        # Another process has just removed it.
        return


def _folder() -> Path:
    folder: Path = settings.FILES_DIR / "held"
    folder.mkdir(parents=True, exist_ok=True)
    return folder
