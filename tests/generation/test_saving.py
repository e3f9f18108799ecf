"""What everybody may read is there again after a restart, and nothing else is."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from generation import prompting
from generation.server.prefixes import labelled
from generation.server.saving import EVERYBODY, PrefixFiles
from tests.fakes_weights import ScriptedWeights, expected
from tests.generation.engine_parts import ask, asked, running, tokens_of
from tests.generation.model_server import FOUR_AT_ONCE, SMALLEST, client, served

RULES = "the rules that stand before each question of all "
EXAMPLES = "the examples that some questions are shown before "
QUESTION = "who is anna"


def files(
    folder: Path, *, identity: str = "weights", secret: bytes = b"s"
) -> PrefixFiles:
    return PrefixFiles(folder=folder, identity=identity, secret=secret)


def answered(saved: PrefixFiles, beginning: str = RULES, **fields: object) -> int:
    """Ask after a start; return how many tokens of the prompt were not read."""
    text = (beginning + QUESTION).replace(" ", "")
    shared = len(beginning.replace(" ", ""))
    with running(ScriptedWeights(), saved=saved) as engine:
        heard = ask(engine, asked(text, shared=shared, **fields))
        reused = heard.end.reused_tokens
        assert heard.text == expected(tokens_of(text), 20)
    return reused


def shared_tokens(beginning: str) -> list[int]:
    return list(tokens_of(beginning.replace(" ", "")))


def test_the_first_question_after_a_restart_does_not_read_them_again(
    tmp_path: Path,
) -> None:
    assert answered(files(tmp_path)) == 0
    assert answered(files(tmp_path)) == len(shared_tokens(RULES))


def test_only_what_everybody_may_read_is_written(tmp_path: Path) -> None:
    answered(files(tmp_path))
    (path,) = tmp_path.iterdir()
    tokens = shared_tokens(RULES)
    state = path.read_bytes()[32 + 8 + 4 * len(tokens) :]
    assert [token for _, token, _ in json.loads(state)] == tokens
    assert path.stat().st_mode & 0o077 == 0


def test_it_is_what_the_site_shares_with_everybody_that_is_saved() -> None:
    rules, *examples = prompting.claim_of_answer("Who?", "Ada", "Ada did it.")[:-1]
    assert {f"shared:{one.scope}" for one in (rules, *examples)} == {EVERYBODY}


def test_two_that_begin_alike_are_both_restored(tmp_path: Path) -> None:
    for beginning in (RULES, EXAMPLES):
        assert answered(files(tmp_path), beginning) in (0, len("the"))
    for beginning in (RULES, EXAMPLES):
        assert answered(files(tmp_path), beginning) == len(shared_tokens(beginning))


@pytest.mark.parametrize("at", [0, 20, 40, 300])
def test_a_changed_file_is_not_used(
    tmp_path: Path, at: int, caplog: pytest.LogCaptureFixture
) -> None:
    answered(files(tmp_path))
    (path,) = tmp_path.iterdir()
    raw = bytearray(path.read_bytes())
    raw[at] ^= 1
    path.write_bytes(raw)
    assert answered(files(tmp_path)) == 0
    assert "damaged" in caplog.text
    assert path.read_bytes() != bytes(raw), "it was written anew"


def test_one_that_another_site_sealed_is_not_used(tmp_path: Path) -> None:
    answered(files(tmp_path))
    assert answered(files(tmp_path, secret=b"another")) == 0


def test_of_other_weights_nothing_is_used_and_nothing_lost(tmp_path: Path) -> None:
    answered(files(tmp_path))
    assert answered(files(tmp_path, identity="other weights")) == 0
    assert answered(files(tmp_path)) == len(shared_tokens(RULES))


def test_what_an_adapter_read_is_not_saved(tmp_path: Path) -> None:
    request = asked("a" * 60, shared=0)
    request = replace(request, labels=labelled(request.tokens, "lora:x:everybody"))
    with running(ScriptedWeights(), saved=files(tmp_path)) as engine:
        assert ask(engine, request).end.reason in ("stop", "length")
    assert not list(tmp_path.iterdir())


def test_a_folder_that_cannot_be_written_costs_no_answer(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("not a folder")
    assert answered(files(tmp_path / "file" / "prefixes")) == 0
    assert "could not be saved" in caplog.text


def test_a_file_that_cannot_be_read_costs_no_answer(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    answered(files(tmp_path))
    (path,) = tmp_path.iterdir()
    path.unlink()
    path.mkdir()
    assert answered(files(tmp_path)) == 0
    assert "could not be read" in caplog.text


def test_old_files_make_room_for_new_ones(tmp_path: Path) -> None:
    for number in range(20):
        beginning = chr(ord("a") + number) * 40
        answered(files(tmp_path), beginning)
    assert len(list(tmp_path.iterdir())) == 16
    assert answered(files(tmp_path), "t" * 40) == 40


def test_what_the_others_go_on_from_is_the_last_to_go(tmp_path: Path) -> None:
    saved = files(tmp_path)
    endings = [f"{RULES}{chr(ord('a') + number) * 30}" for number in range(20)]
    with running(ScriptedWeights(), saved=saved, kept_bytes=100_000) as engine:
        for text in (RULES, *endings):
            letters = text.replace(" ", "")
            assert ask(engine, asked(f"{letters}who", shared=len(letters))).end
    assert len(list(tmp_path.iterdir())) == 16
    wanted = [len(shared_tokens(RULES)), len(shared_tokens(endings[-1]))]
    assert [answered(files(tmp_path), one) for one in (RULES, endings[-1])] == wanted


def chat(user: str, **environment: str) -> dict[str, Any]:
    """Ask real weights after a start, with a system message that everybody shares."""
    body = {
        "messages": [
            {"role": "system", "content": "Answer in short words. " * 8},
            {"role": "user", "content": "What is a pump?"},
        ],
        "max_tokens": 12,
        "user": user,
    }
    headers = {"X-Plumbline-Scopes": "everybody:400,"}
    with (
        served(SMALLEST, embeds=False, **FOUR_AT_ONCE, **environment) as model,
        client(model) as http,
    ):
        reply = http.post("/v1/chat/completions", json=body, headers=headers)
    found: dict[str, Any] = reply.raise_for_status().json()
    return found


@pytest.mark.models
def test_real_weights_say_the_same_after_a_restart(tmp_path: Path) -> None:
    here = {"PLUMBLINE_VAR": str(tmp_path)}
    before = chat("anna", **here)
    assert not list(tmp_path.glob("prefixes/*"))
    chat("anna", PLUMBLINE_KEEP_PREFIXES="1", **here)
    after = chat("bert", PLUMBLINE_KEEP_PREFIXES="1", **here)
    assert before["usage"]["prompt_tokens_details"]["cached_tokens"] == 0
    assert after["usage"]["prompt_tokens_details"]["cached_tokens"] > 40
    assert (
        after["choices"][0]["message"]["content"]
        == before["choices"][0]["message"]["content"]
    )
