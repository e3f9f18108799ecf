"""Chat templates from an allow-list in code, never from a model file.

A template rendered from a file runs somebody else's code (CVE-2024-34359).
Every piece says whether its special tokens count: only pieces written here do,
so text of documents and questions cannot end a turn or begin one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rag_site.errors import Unavailable


class UnknownFamily(Unavailable):
    """No chat template is known for this model. Choose one from `manage.py models list`."""

    code = "model_family_unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """Text to tokenise; ``is_special`` lets it hold special tokens."""

    text: str
    is_special: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatTemplate:
    """What surrounds the content of one message, and what opens the answer."""

    before: str
    after: str
    opening: str
    stop: tuple[str, ...]


CHATML = ChatTemplate(
    before="<|im_start|>{role}\n",
    after="<|im_end|>\n",
    opening="<|im_start|>assistant\n",
    stop=("<|im_end|>",),
)
# Prefix of a catalogue name -> template.
FAMILIES = {"qwen2.5": CHATML, "qwen3": CHATML, "smollm2": CHATML}


def template_for(name: str) -> ChatTemplate:
    """Return the template of the model called ``name`` in the catalogue."""
    for prefix, template in FAMILIES.items():
        if name.startswith(prefix):
            return template
    raise UnknownFamily


def render_one(
    template: ChatTemplate, role: str, content: str
) -> tuple[Piece, Piece, Piece]:
    """Return what comes before a message, the message, and what comes after."""
    return (
        Piece(text=template.before.format(role=role), is_special=True),
        Piece(text=content, is_special=False),
        Piece(text=template.after, is_special=True),
    )


def render(template: ChatTemplate, messages: Sequence[tuple[str, str]]) -> list[Piece]:
    """Return the pieces of a prompt; ``messages`` are pairs of role and content."""
    pieces = [
        piece
        for role, content in messages
        for piece in render_one(template, role, content)
    ]
    return [*pieces, Piece(text=template.opening, is_special=True)]
