"""The documentation says what the code does."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from rag_site.errors import RagError

ROOT = Path(__file__).resolve().parent.parent
_ENV_CALL = re.compile(r"env_[a-z_]+\(\s*\"([A-Z_]+)\"")


def _variables() -> set[str]:
    return set(_ENV_CALL.findall((ROOT / "rag_site" / "settings.py").read_text()))


@pytest.mark.parametrize("document", ["docs/configuration.md", ".env.example"])
def test_every_setting_is_listed_in(document: str) -> None:
    text = (ROOT / document).read_text()
    assert len(_variables()) > 30
    assert sorted(name for name in _variables() if name not in text) == []


# In .env.example they show what a value looks like: none is the default.
_EXAMPLES = {
    "DATABASE_URL",
    "REDIS_URL",
    "DATABASE_REPLICA_URL",
    "PLUMBLINE_RERANKER",
    "PLUMBLINE_ENTAILMENT",
}
_TELL_SETTINGS = """
import json
from rag_site import settings
print(json.dumps({n: v for n, v in vars(settings).items() if n.isupper()}, default=str))
"""


def _settings(environment: dict[str, str]) -> dict[str, object]:
    base = {"PATH": "/usr/bin:/bin", "HOME": "/root", "SECRET_KEY": "x" * 50}
    done = subprocess.run(
        [sys.executable, "-c", _TELL_SETTINGS],
        env={**base, **environment},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    found: dict[str, object] = json.loads(done.stdout)
    return found


def test_what_the_example_shows_is_the_default() -> None:
    text = (ROOT / ".env.example").read_text()
    shown = dict(re.findall(r"^#([A-Z_]+)=(.*)$", text, flags=re.MULTILINE))
    assert set(shown) > _EXAMPLES
    chosen = {name: shown[name] for name in shown if name not in _EXAMPLES}
    # The shell and docker compose put the home folder in.
    chosen = {n: re.sub("^~", "/root", value) for n, value in chosen.items()}
    assert _settings(chosen) == _settings({})


def test_each_file_of_an_upload_may_bring_its_path() -> None:
    found = _settings({"PLUMBLINE_MAX_FILES_PER_UPLOAD": "300"})
    assert int(str(found["DATA_UPLOAD_MAX_NUMBER_FIELDS"])) > 300


def test_no_setting_is_documented_that_is_not_read() -> None:
    table = (ROOT / "docs" / "configuration.md").read_text()
    documented = set(re.findall(r"^\| `([A-Z_]+)`", table, flags=re.MULTILINE))
    source = "".join(
        path.read_text()
        for package in ("rag_site", "ingestion", "retrieval", "generation")
        for path in (ROOT / package).rglob("*.py")
    )
    assert documented
    assert sorted(name for name in documented if name not in source) == []


# What pages, commands, evaluations and the model server alone raise.
_BESIDE_THE_API = re.compile(
    r"generation\.(curating\.(approving|golden_runs)|evaluating\..*|replay)"
    r"|generation\.(grounding\.entailment|server\..*|serving)"
    r"|retrieval\.(corpora|golden|golden_answers|reranking)"
    r"|rag_site\.(first_run|gguf|management\..*|running_site|scratch|weights.*)"
    r"|.*evaluation"
)


def test_every_error_code_of_the_api_is_documented() -> None:
    import rag_site.urls  # noqa: F401 - with every router, and what they raise

    api = (ROOT / "docs" / "api.md").read_text()
    codes = {
        kind.code
        for kind in _subclasses(RagError)
        if not _BESIDE_THE_API.fullmatch(kind.__module__)
    }
    assert len(codes) > 60
    assert sorted(code for code in codes if f"`{code}`" not in api) == []


def _subclasses(kind: type[RagError]) -> Iterator[type[RagError]]:
    for below in kind.__subclasses__():
        yield below
        yield from _subclasses(below)


def test_links_between_documents_lead_somewhere() -> None:
    broken = [
        f"{page.relative_to(ROOT)} -> {target}"
        for page in [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text())
        if not (page.parent / target).exists()
    ]
    assert broken == []


def test_readme_commands_are_targets_of_the_makefile() -> None:
    readme = (ROOT / "README.md").read_text()
    makefile = (ROOT / "Makefile").read_text()
    targets = set(re.findall(r"^make ([a-z-]+)", readme, flags=re.MULTILINE))
    assert {"run", "test"} <= targets
    assert [
        t for t in targets if not re.search(rf"^{t}:", makefile, re.MULTILINE)
    ] == []
