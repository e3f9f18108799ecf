"""Outlook messages."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ingestion.errors import Corrupt
from ingestion.parsing.cleaning import one_line
from ingestion.parsing.html import read_markup
from ingestion.parsing.mail import Attachment, Letter, ReadAttachment, parsed_letter
from ingestion.parsing.pieces import Piece
from ingestion.parsing.plain import text_pieces
from ingestion.parsing.source import Source
from ingestion.types import Parsed

# Property tags of [MS-OXPROPS].
_NAME, _ADDRESS = 0x0C1A, 0x0C1F
_CC, _BCC = 0x0E03, 0x0E02


def parse_msg(source: Source, read: ReadAttachment) -> Parsed:
    """Read an Outlook .msg file."""
    from oxmsg import Message

    try:
        message = Message.load(str(source.path))
        letter = _letter(message)
    except (OSError, ValueError, KeyError, IndexError, AttributeError) as exc:
        # olefile and oxmsg have no error class of their own for damaged files.
        raise Corrupt from exc
    return parsed_letter(letter, source, read)


def _letter(message: Any) -> Letter:
    sent = message.sent_date
    headers = [
        ("From", _sender(message)),
        ("To", ", ".join(_recipients(message))),
        ("Cc", one_line(_stored(message, _CC))),
        ("Bcc", one_line(_stored(message, _BCC))),
        ("Date", sent.isoformat(sep=" ", timespec="minutes") if sent else ""),
    ]
    attachments = [
        Attachment(item.file_name or "attachment", item.file_bytes or b"")
        for item in message.attachments
    ]
    body = list(_body(message))
    return Letter(one_line(message.subject or ""), headers, body, attachments)


def _sender(message: Any) -> str:
    """Name and address as stored; the transport's header only failing both."""
    name, address = _stored(message, _NAME), _stored(message, _ADDRESS)
    person = _person(name, address)
    return person or one_line(message.sender or "")


def _recipients(message: Any) -> list[str]:
    people = (_person(who.name, who.email_address) for who in message.recipients)
    return list(filter(None, people))


def _person(name: str, address: str) -> str:
    if not address or address == name:
        return one_line(name)
    return one_line(f"{name} <{address}>")


def _stored(message: Any, tag: int) -> str:
    value: str | None = message.properties.str_prop_value(tag)
    return value or ""


def _body(message: Any) -> Iterator[Piece]:
    if message.body and message.body.strip():
        yield from text_pieces(message.body)
    elif message.html_body:
        yield from read_markup(message.html_body)[1]
