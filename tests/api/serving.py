"""The real ASGI server with a scripted model and a word-hash embedder.

Run by ``tests.api.live`` in a process of its own: limits on bodies, streams and
lost services show only where bytes meet a socket.
"""

from __future__ import annotations

import os
import sys


def main(port: int) -> None:
    import uvicorn

    import rag_site.asgi
    import retrieval.search
    from generation.parts import using
    from tests.fakes import HashEmbedder
    from tests.fakes_llm import ScriptedLLM

    retrieval.search.get_embedder = HashEmbedder
    model = ScriptedLLM(delay_s=float(os.environ.get("TEST_TOKEN_DELAY_S", "0.05")))
    for _ in range(20):
        model.enqueue(["The ", "pump ", "holds ", "40 ", "litres ", "[1]. "] * 5)
    with using(model, embedder=HashEmbedder()):
        uvicorn.run(
            rag_site.asgi.application,
            port=port,
            http="h11",
            proxy_headers=False,
            log_level="warning",
            timeout_graceful_shutdown=3,
        )


if __name__ == "__main__":
    main(int(sys.argv[1]))
