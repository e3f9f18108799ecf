"""What people see when a part of the running site dies, and that it comes back."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import httpx
import psutil
import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests import samples
from tests.running_site import ROOT, RunningSite

pytestmark = [pytest.mark.browser, pytest.mark.models, pytest.mark.faults]

WAIT_S = 180


def _model_server(site: RunningSite) -> psutil.Process:
    """Return the process that holds the weights, below the one that keeps the port."""
    children = psutil.Process(site.process.pid).children(recursive=True)
    [found] = [c for c in children if {"serve_model", "--socket"} <= _arguments(c)]
    return found


def _arguments(process: psutil.Process) -> set[str]:
    """Return its command line, nothing of one that has just ended."""
    try:
        return {*process.cmdline()}
    except (psutil.NoSuchProcess, psutil.ZombieProcess):
        return set()


def _wait_until_ready(site: RunningSite) -> None:
    deadline = time.monotonic() + WAIT_S
    while time.monotonic() < deadline:
        try:
            if httpx.get(f"{site.url}/health/ready", timeout=10).status_code == 200:
                return
        except httpx.HTTPError:
            pass
        time.sleep(0.5)
    raise AssertionError(site.tail())


@pytest.fixture(scope="module")
def lighthouse(site: RunningSite, signed_in: BrowserContext, tmp_path_factory) -> None:  # type: ignore[no-untyped-def]
    file = tmp_path_factory.mktemp("files") / "Lighthouse.txt"
    words = (
        "The lighthouse of Skagen is 46 metres high. Its lamp is lit at dusk by the "
        "keeper, who climbs 210 steps. "
    )
    file.write_bytes(samples.txt_bytes(words))
    page = signed_in.new_page()
    page.goto(f"{site.url}/documents")
    page.locator("input[type=file]").first.set_input_files(file)
    row = page.locator("#documents tr", has_text="Lighthouse.txt")
    expect(row).to_contain_text("Ready", timeout=WAIT_S * 1000)
    page.close()


@pytest.mark.usefixtures("lighthouse")
def test_a_model_that_dies_in_mid_answer_is_said_and_the_answer_can_be_had_again(
    site: RunningSite, page: Page
) -> None:
    page.goto(site.url)
    box = page.get_by_label("Your question")
    box.fill("How high is the lighthouse of Skagen?")
    box.press("Enter")
    # The passages are shown: the prompt is being evaluated now.
    expect(page.locator("#sources .source").first).to_be_visible(timeout=60_000)
    _model_server(site).kill()
    turn = page.locator(".turn").last
    expect(turn).to_contain_text(re.compile("model", re.IGNORECASE), timeout=30_000)
    expect(turn).to_contain_text(re.compile("again", re.IGNORECASE))
    assert page.request.get(f"{site.url}/documents").status == 200
    _wait_until_ready(site)
    turn.get_by_role(
        "button", name=re.compile("again|retry", re.IGNORECASE)
    ).first.click()
    again = page.locator(".turn").last
    expect(again).to_contain_text("46", timeout=WAIT_S * 1000)


@pytest.mark.parametrize(
    ("service", "allowed"), [("postgres", {200, 503}), ("valkey", {200})]
)
def test_a_killed_service_is_started_again_and_nobody_sees_a_crash(
    site: RunningSite, page: Page, service: str, allowed: set[int]
) -> None:
    state = json.loads((site.var / "run" / "services.json").read_text())
    os.kill(state[service]["pid"], signal.SIGKILL)
    seen: Counter[int] = Counter()
    deadline = time.monotonic() + WAIT_S
    good = 0
    while time.monotonic() < deadline and good < 5:
        reply = page.request.get(f"{site.url}/documents", timeout=60_000)
        seen[reply.status] += 1
        good = good + 1 if reply.status == 200 else 0
        if reply.status == 503:
            assert "Traceback" not in reply.text()
            assert re.search(r"\b[0-9a-f]{8}\b", reply.text())  # a reference
        time.sleep(0.2)
    assert set(seen) <= allowed, seen
    assert good == 5, seen
    _wait_until_ready(site)
    revived = json.loads((site.var / "run" / "services.json").read_text())[service]
    assert revived["pid"] != state[service]["pid"]
    assert revived["port"] == state[service]["port"]


def test_without_model_files_the_model_server_says_what_to_do(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "manage.py", "serve_model", "--port", "1"],
        cwd=ROOT,
        env=os.environ
        | {"PLUMBLINE_WEIGHTS": str(tmp_path), "PLUMBLINE_MODEL_SERVER_KEY": "k" * 40},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode not in {0, -signal.SIGSEGV}
    assert "models fetch" in done.stderr
    assert "Traceback" not in done.stderr
