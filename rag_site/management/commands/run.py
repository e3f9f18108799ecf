"""Start the whole site: `manage.py run`, which `make run` calls after the set-up."""

from __future__ import annotations

import asyncio
import os
import secrets
import socket
import sys
import time
from argparse import ArgumentTypeError
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connection

from rag_site import first_admin, site_parts
from rag_site.checks import check_names
from rag_site.embedded import ServiceFailed, free_port
from rag_site.errors import Conflict, InvalidInput, RagError
from rag_site.local_run import revive_services
from rag_site.running_site import RunningSite, announce, sole_site
from rag_site.supervisor import Part, Supervisor
from rag_site.terminal import Console
from rag_site.weights import obtain, weights_named

# Seconds between two looks at the embedded Postgres and Valkey.
REVIVE_EVERY_S = 2.0
_LAST_PORT = 65_535


class PortTaken(Conflict):
    """The port is in use by another program."""

    code = "port_taken"


class Command(BaseCommand):
    help = "Start the site: model server, workers, timers and web under one supervisor."
    # They look at the database, which is migrated below.
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
        parser.add_argument("--port", type=_port, default=8000, help="8000 if left out")
        parser.add_argument("--model", default="", help="a name of `models list`")

    def handle(self, *_args: Any, **options: Any) -> None:
        console = Console(("site", *site_parts.PART_NAMES))
        model = options["model"] or settings.MODEL
        for message in check_names(None):
            console.say("site", message.msg)
        try:
            with sole_site(settings.VAR_DIR):
                check_port(options["host"], options["port"])
                site = _describe(options["host"], options["port"], model)
                _prepare(site, console)
                status = _serve(site, options["host"], options["port"], console)
        except InvalidInput as exc:
            raise CommandError(exc.message, returncode=2) from exc
        except RagError as exc:
            raise CommandError(exc.message) from exc
        if status:
            sys.exit(status)


def _port(value: str) -> int:
    if not value.isdecimal() or not 0 < int(value) <= _LAST_PORT:
        raise ArgumentTypeError(f"{value} is no port: use 1 to {_LAST_PORT}")
    return int(value)


def check_port(host: str, port: int) -> None:
    """Raise PortTaken now, in words, and not later in a traceback of the web process."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except PermissionError as exc:
            raise PortTaken(
                f"Ports below 1024 belong to root. Choose another than {port}: "
                "`make run PORT=8080`."
            ) from exc
        except OSError as exc:
            other = port + 1 if port < _LAST_PORT else 8000
            raise PortTaken(
                f"Port {port} of {host} cannot be used: {exc.strerror}. Stop what "
                f"listens there, or choose another: `make run PORT={other}`."
            ) from exc


def _describe(host: str, port: int, model: str) -> RunningSite:
    """Name the addresses of this run, with an own model server unless one is set."""
    # Another server has names of its own.
    if not settings.MODEL_SERVER_URL and weights_named(model).kind != "gguf":
        raise InvalidInput(f"{model} does not answer questions: it is an embedder.")
    if weights_named(settings.EMBEDDER).kind != "embedder":
        raise InvalidInput(f"PLUMBLINE_EMBEDDER={settings.EMBEDDER} is no embedder.")
    url = settings.MODEL_SERVER_URL or f"http://127.0.0.1:{free_port()}"
    return RunningSite(
        url=site_parts.address_of(host, port),
        pid=os.getpid(),
        model=model,
        model_server_url=url,
        model_server_key=settings.MODEL_SERVER_KEY or secrets.token_urlsafe(32),
    )


def _prepare(site: RunningSite, console: Console) -> None:
    """Do what must be done before any process starts."""
    for name in (
        settings.EMBEDDER,
        *([] if settings.MODEL_SERVER_URL else [site.model]),
    ):
        obtain(name)
    console.say("site", "migrating the database")
    call_command("migrate", interactive=False, verbosity=0)
    call_command("collectstatic", interactive=False, verbosity=0)
    os.environ |= {
        "PLUMBLINE_MODEL": site.model,
        "PLUMBLINE_MODEL_SERVER_URL": site.model_server_url,
        "PLUMBLINE_MODEL_SERVER_KEY": site.model_server_key,
    }
    announce(settings.VAR_DIR, site)


def _serve(site: RunningSite, host: str, port: int, console: Console) -> int:
    """Run the processes until told to stop; return the exit status."""
    started = time.monotonic()
    parts: list[Part] = []
    if not settings.MODEL_SERVER_URL:
        own_port = int(site.model_server_url.rpartition(":")[2])
        parts.append(site_parts.model_server(own_port, site.model))
    parts += [*site_parts.workers(), site_parts.beat(settings.VAR_DIR)]
    parts.append(site_parts.web(host, port))
    token = first_admin.new_token()
    connection.close()

    def welcome(failed: list[str]) -> None:
        console.say("site", f"started in {time.monotonic() - started:.0f} s")
        console.announce(_welcome_lines(site, token, failed))

    async def run() -> int:
        reviving = asyncio.create_task(_revive_services(console))
        try:
            return await Supervisor(parts, console.say).run(welcome)
        finally:
            reviving.cancel()

    return asyncio.run(run())


async def _revive_services(console: Console) -> None:
    """Watch the embedded servers, which are not the supervisor's children."""
    while True:
        await asyncio.sleep(REVIVE_EVERY_S)
        try:
            await asyncio.to_thread(revive_services)
        except ServiceFailed as exc:
            console.say("site", str(exc))


def _welcome_lines(
    site: RunningSite, token: str | None, failed: list[str]
) -> list[str]:
    lines = [f"Plumbline is running at {site.url}", "Ctrl-C stops it."]
    if token:
        lines.insert(
            1,
            "Create the first administrator (once, within 24 hours): "
            f"{site.url}/setup/{token}",
        )
    if failed:
        lines.append(f"Not running: {', '.join(failed)}. The reason is above.")
    return lines
