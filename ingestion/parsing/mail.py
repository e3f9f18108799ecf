"""Mail: headers, body and the attachments that can be read."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from email import message_from_bytes, policy
from email.message import EmailMessage, Message, MIMEPart
from pathlib import Path

from ingestion.errors import Corrupt, Encrypted, ParseFailed
from ingestion.parsing.cleaning import one_line
from ingestion.parsing.decoding import decoded
from ingestion.parsing.html import read_markup
from ingestion.parsing.pieces import Piece, in_parts, piece
from ingestion.parsing.plain import text_pieces
from ingestion.parsing.source import Source
from ingestion.types import PageText, Parsed

_SHOWN = ("From", "To", "Cc", "Bcc", "Date")
# Attachments within attachments, and attachments of one mail.
_MAX_DEPTH = 2
_MAX_ATTACHMENTS = 100
# Types of a mail's own text, the one that is better read first.
_BODY_TYPES = ("text/plain", "text/html")
_ENCRYPTED = {"application/pkcs7-mime", "application/x-pkcs7-mime"}


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file inside a mail."""

    name: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Letter:
    """What the two mail formats have in common."""

    subject: str
    headers: list[tuple[str, str]]
    body: list[Piece]
    attachments: list[Attachment]


# Reads an attachment by its content; given by the registry, which knows all formats.
ReadAttachment = Callable[[Source], Parsed]


def parse_eml(source: Source, read: ReadAttachment) -> Parsed:
    """Read a mail as saved by mail programs (RFC 5322)."""
    mail = message_from_bytes(source.path.read_bytes(), policy=policy.default)
    if not isinstance(mail, EmailMessage):
        raise Corrupt
    if mail.get_content_type() in _ENCRYPTED and "signed" not in str(
        mail.get("Content-Type", "")
    ):
        raise Encrypted(
            "The mail is encrypted. Decrypt it in your mail program and add that copy."
        )
    headers = [(name, _header(mail, name)) for name in _SHOWN]
    letter = Letter(
        subject=_header(mail, "Subject"),
        headers=headers,
        body=list(_body(mail)),
        attachments=list(_attachments(mail)),
    )
    return parsed_letter(letter, source, read)


def parsed_letter(letter: Letter, source: Source, read: ReadAttachment) -> Parsed:
    """Lay a mail out: subject as heading, headers, body, then attachments as pages."""
    lines = [f"{name}: {value}" for name, value in letter.headers if value]
    pieces = [
        piece("heading", letter.subject, level=1),
        piece("header", "\n".join(lines)),
        *letter.body,
    ]
    pages = in_parts(pieces)
    notices: list[str] = []
    for item in letter.attachments[:_MAX_ATTACHMENTS]:
        found, notice = _read_one(item, source, read, first=len(pages) + 1)
        pages += found
        notices += [notice] if notice else []
    return Parsed(pages=tuple(pages), title=letter.subject, notices=tuple(notices))


def _read_one(
    item: Attachment, source: Source, read: ReadAttachment, *, first: int
) -> tuple[list[PageText], str]:
    """Parse an attachment; one that cannot be read becomes a notice."""
    name = one_line(item.name) or "attachment"
    if source.depth >= _MAX_DEPTH:
        return [], f"The attachment {name} is nested too deep and was not read."
    with tempfile.NamedTemporaryFile(prefix="attachment-") as file:
        file.write(item.data)
        file.flush()
        inner = source.inner(Path(file.name), name)
        try:
            parsed = read(inner)
        except ParseFailed as exc:
            return [], f"The attachment {name} was not read. {exc.message}"
    pages = [
        replace(page, number=first + i, label=f"{name} {page.label}".strip()[:200])
        for i, page in enumerate(parsed.pages)
    ]
    return pages, ""


def _header(mail: EmailMessage, name: str) -> str:
    """A header as text; the library raises on some that it cannot decode."""
    try:
        return one_line(str(mail.get(name, "")))
    except (ValueError, IndexError, TypeError, AttributeError, LookupError):
        return _raw_header(mail, name)


def _raw_header(mail: EmailMessage, name: str) -> str:
    for key, value in mail.raw_items():
        if key.lower() == name.lower():
            return one_line(str(value))
    return ""


def _body(mail: EmailMessage) -> Iterator[Piece]:
    for part in _texts(mail):
        text = _content(part)
        if part.get_content_subtype() == "html":
            yield from read_markup(text)[1]
        else:
            yield from text_pieces(text)


def _texts(part: MIMEPart) -> list[MIMEPart]:
    """The parts that are read as the mail's text, in their order.

    Of alternatives only one: the plain one where it says anything, else the HTML.
    """
    if part.get_content_maintype() != "multipart":
        is_text = part.get_content_type() in _BODY_TYPES and not part.is_attachment()
        return [part] if is_text else []
    forms = [_texts(inner) for inner in part.iter_parts()]
    if part.get_content_subtype() != "alternative":
        return [text for form in forms for text in form]
    by_type = [
        next((form for form in forms if _is_of(kind, form)), []) for kind in _BODY_TYPES
    ]
    return next((form for form in by_type if form), [])


def _is_of(kind: str, form: list[MIMEPart]) -> bool:
    """Whether ``form`` says something in parts of that type."""
    return any(p.get_content_type() == kind and _content(p).strip() for p in form)


def _content(part: MIMEPart) -> str:
    return decoded(_payload(part), declared=part.get_content_charset())


def _payload(part: MIMEPart) -> bytes:
    data = part.get_payload(decode=True)
    return data if isinstance(data, bytes) else b""


def _parts(mail: MIMEPart) -> Iterator[MIMEPart]:
    """The parts of a mail that hold something; a mail inside it is one of them."""
    waiting = [mail]
    while waiting:
        part = waiting.pop()
        if part.get_content_maintype() == "multipart":
            waiting += reversed(list(part.iter_parts()))
        elif part is not mail:
            yield part


def _forwarded(part: MIMEPart) -> Iterator[Attachment]:
    inner = part.get_payload(0) if part.is_multipart() else None
    if isinstance(inner, Message):
        subject = one_line(str(inner.get("Subject", "")))[:100]
        yield Attachment(f"{subject or 'message'}.eml", _as_file(inner))


def _as_file(inner: Message) -> bytes:
    """A mail as a file again; empty, and so reported, if the library cannot."""
    try:
        return inner.as_bytes(policy=policy.compat32)
    except (ValueError, LookupError, TypeError, AttributeError):
        return b""


def _attachments(mail: EmailMessage) -> Iterator[Attachment]:
    for part in _parts(mail):
        if part.get_content_type() == "message/rfc822":
            yield from _forwarded(part)
            continue
        name = part.get_filename()
        if name and (
            part.is_attachment() or part.get_content_type() not in _BODY_TYPES
        ):
            yield Attachment(str(name), _payload(part))
        elif part.is_attachment():
            yield Attachment(f"attachment.{part.get_content_subtype()}", _payload(part))
