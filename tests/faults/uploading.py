"""A person who uploads a folder: python -m tests.faults.uploading FOLDER COLLECTION GAP.

Sends each file again while the site cannot take it, as a browser's user would.
GAP are seconds between two files. Prints {name: document id, or why it was refused}.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

TRIES = 60


def main(folder: Path, collection: str, gap_s: float) -> None:
    import django

    django.setup()
    from tests import factories

    asker = _patiently(lambda: factories.asker(factories.alice()))
    made = _patiently(lambda: factories.make_collection(name=collection))
    sent = {}
    for path in sorted(folder.iterdir()):
        sent[path.name] = _patiently(lambda path=path: _send(asker, made.pk, path))
        time.sleep(gap_s)
    sys.stdout.write(json.dumps(sent))


def _send(asker: Any, collection: Any, path: Path) -> dict[str, str]:
    from ingestion import services
    from rag_site.errors import RagError, Unavailable

    try:
        done = services.accept_upload(asker, collection, path=path, name=path.name)
    except Unavailable:
        raise
    except RagError as exc:
        return {"refused": exc.code}
    return {"id": str(done.document.pk)}


def _patiently(deed: Any) -> Any:
    from django.db import DatabaseError, connection

    from rag_site.errors import Unavailable

    for _ in range(TRIES):
        try:
            return deed()
        except (DatabaseError, Unavailable):
            connection.close()
            time.sleep(1)
    raise AssertionError("the site did not come back")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], float(sys.argv[3]))
