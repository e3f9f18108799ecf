"""How the site's processes reach the model server for what is no answer."""

from __future__ import annotations

import httpx


def client(url: str, key: str, *, timeout: httpx.Timeout) -> httpx.Client:
    """Return a client of the server whose OpenAI protocol stands at ``url``."""
    return httpx.Client(
        base_url=url.rstrip("/").removesuffix("/v1"),
        headers={"Authorization": f"Bearer {key}"} if key else {},
        timeout=timeout,
        trust_env=False,
    )
