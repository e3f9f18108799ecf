"""What a topic is looked for as: alternatives, phrases, numbers."""

from __future__ import annotations

import pytest

from retrieval.topics import pieces_of


@pytest.mark.parametrize(
    ("topic", "pieces"),
    [
        ("pumps or valves", [(0, "pumps", False), (1, "valves", False)]),
        ("pumps, valves", [(0, "pumps", False), (1, "valves", False)]),
        ("1,200 euros", [(0, "1,200 euros", False)]),
        ('"net 30" or penalty', [(0, "net 30", True), (1, "penalty", False)]),
        ("“net or gross”", [(0, "net or gross", True)]),
        ("„netto 30“", [(0, "netto 30", True)]),
        ("« force majeure »", [(0, "force majeure", True)]),
    ],
)
def test_pieces_of_a_topic(topic: str, pieces: list[tuple[int, str, bool]]) -> None:
    found = [(one.choice, one.text, one.is_phrase) for one in pieces_of(topic)]
    assert found == pieces
