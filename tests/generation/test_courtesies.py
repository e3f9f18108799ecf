"""Thanks and greetings are answered by set words; whatever asks something is searched."""

from __future__ import annotations

import pytest

from generation.courtesies import reply_to


@pytest.mark.parametrize(
    ("message", "reply"),
    [
        ("Thanks", "You are welcome."),
        ("thank you!", "You are welcome."),
        ("OK, thanks a lot 👍", "You are welcome."),
        ("Hello there", "Hello."),
        ("ok", "All right."),
        ("Hi!", "Hello."),
        ("Hallo, vielen Dank!", "Gern geschehen."),
        ("Danke schön.", "Gern geschehen."),
        ("Alles klar", "In Ordnung."),
        ("Merci beaucoup !", "Je vous en prie."),
        ("D’accord", "D'accord."),
        ("¡Muchas gracias!", "De nada."),
        ("Buenos días", "Hola."),
    ],
)
def test_set_words_get_a_reply_in_their_language(message: str, reply: str) -> None:
    assert reply_to(message).startswith(f"{reply} ")


@pytest.mark.parametrize(
    "message",
    [
        "Thanks to whom was it built?",
        "Hello, how many pumps are there?",
        "ok and the valve?",
        "Who is Hi?",
        "Nice",
        "Vale",
        "yes",
        "pump",
        "?",
        "",
        "thanks " * 20,
    ],
)
def test_what_asks_something_is_no_courtesy(message: str) -> None:
    assert reply_to(message) == ""
