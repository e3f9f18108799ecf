"""Small sample files made on the spot, as bytes: no third-party file is stored here.

Each function returns one complete file. Good ones hold the text they are
given; broken and hostile ones say in their docstring what is wrong with them.
"""

from __future__ import annotations

import hashlib
import io
import json
import textwrap
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from email.message import EmailMessage

Rows = Sequence[Sequence[object]]

_DOCX_TYPES = (
    '<?xml version="1.0"?><Types xmlns="http://schemas.openxmlformats.org/package/'
    '2006/content-types"><Default Extension="rels" ContentType="application/vnd.'
    'openxmlformats-package.relationships+xml"/><Default Extension="xml" '
    'ContentType="application/xml"/><Override PartName="/word/document.xml" '
    'ContentType="application/vnd.openxmlformats-officedocument.wordprocessingml.'
    'document.main+xml"/></Types>'
)
_DOCX_RELS = (
    '<?xml version="1.0"?><Relationships xmlns="http://schemas.openxmlformats.org/'
    'package/2006/relationships"><Relationship Id="rId1" Type="http://schemas.'
    'openxmlformats.org/officeDocument/2006/relationships/officeDocument" '
    'Target="word/document.xml"/></Relationships>'
)
_WORD_NS = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"


# --- PDF -------------------------------------------------------------------


def pdf_bytes(pages: Sequence[str]) -> bytes:
    """A PDF with one page a string; lines that start with "# " are set large.

    Characters outside Latin-1 become question marks (a base font is used).
    """
    return _pdf([_text_stream(text) for text in pages])


def scanned_pdf_bytes(pages: int = 1) -> bytes:
    """Pages with a grey box and no text, like a scan before text recognition."""
    return _pdf([b"0.5 g 72 72 300 400 re f"] * pages)


def two_column_pdf_bytes(left: Sequence[str], right: Sequence[str]) -> bytes:
    """One page with two columns, drawn line by line across both."""
    shown = []
    for row, (a, b) in enumerate(zip(left, right, strict=True)):
        y = 720 - 14 * row
        shown += [_shown(a, 72, y, 10), _shown(b, 330, y, 10)]
    return _pdf(["\n".join(shown).encode("latin-1", "replace")])


def drawn_pdf_bytes(streams: Sequence[str], *, rotate: int = 0) -> bytes:
    """A PDF with a page for each content stream; /F1 is upright, /F2 bold."""
    drawn = [stream.encode("latin-1", "replace") for stream in streams]
    return _pdf(drawn, page=f"/Rotate {rotate}")


def encrypted_pdf_bytes() -> bytes:
    """A PDF that asks for a password ("secret") before anything can be read."""
    padding = bytes.fromhex(
        "28BF4E5E4E758A4164004E56FFFA01082E2E00B6D0683E802F0CA9FE6453697A"
    )
    user = (b"secret" + padding)[:32]
    owner = _rc4(hashlib.md5(user).digest()[:5], user)
    permissions = (-4).to_bytes(4, "little", signed=True)
    identity = b"0123456789abcdef"
    key = hashlib.md5(user + owner + permissions + identity).digest()[:5]
    encrypt = (
        f"/Encrypt << /Filter /Standard /V 1 /R 2 /P -4 /O <{owner.hex()}> "
        f"/U <{_rc4(key, padding).hex()}> >> /ID [<{identity.hex()}> <{identity.hex()}>]"
    )
    return _pdf([_text_stream("Not to be read")], trailer=encrypt)


def bomb_pdf_bytes(unpacked_mb: int = 1000) -> bytes:
    """A PDF of some kilobytes whose page unpacks to far more than any page holds."""
    packer = zlib.compressobj(9)
    blank = b" " * 1_000_000
    packed = b"".join(packer.compress(blank) for _ in range(unpacked_mb))
    twice = zlib.compress(packed + packer.flush(), 9)
    return _pdf([twice], filters="/Filter [/FlateDecode /FlateDecode]")


def corrupt_pdf_bytes() -> bytes:
    """A PDF header and then nothing that could be mended."""
    return b"%PDF-1.7\n" + bytes(range(128, 256)) * 8


def _text_stream(text: str) -> bytes:
    shown = []
    y = 740.0
    for line in text.split("\n"):
        size = 18 if line.startswith("# ") else 11
        for part in textwrap.wrap(line.removeprefix("# "), 88) or [""]:
            shown.append(_shown(part, 72, y, size))
            y -= size * 1.3
        y -= 4
    return "\n".join(shown).encode("latin-1", "replace")


def _shown(text: str, x: float, y: float, size: int) -> str:
    escaped = text.replace("\\", r"\\").replace("(", r"\(").replace(")", r"\)")
    return f"BT /F1 {size} Tf {x} {y:.1f} Td ({escaped}) Tj ET"


def _pdf(
    streams: Sequence[bytes], *, trailer: str = "", filters: str = "", page: str = ""
) -> bytes:
    bold = "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica-Bold >>"
    kids = " ".join(f"{4 + 2 * i} 0 R" for i in range(len(streams)))
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Kids [{kids}] /Count {len(streams)} >>".encode(),
        (
            b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica "
            b"/Encoding /WinAnsiEncoding >>"
        ),
    ]
    for i, stream in enumerate(streams):
        objects.append(
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] {page} /Resources "
            f"<< /Font << /F1 3 0 R /F2 {bold} >> >> /Contents {5 + 2 * i} 0 R >>".encode()
        )
        head = f"<< /Length {len(stream)} {filters} >>\nstream\n".encode()
        objects.append(head + stream + b"\nendstream")
    return _numbered(objects, trailer)


def _numbered(objects: Sequence[bytes], trailer: str) -> bytes:
    out = io.BytesIO(b"%PDF-1.4\n")
    out.seek(0, io.SEEK_END)
    offsets = []
    for number, body in enumerate(objects, start=1):
        offsets.append(out.tell())
        out.write(f"{number} 0 obj\n".encode() + body + b"\nendobj\n")
    start = out.tell()
    out.write(f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n".encode())
    out.writelines(f"{offset:010d} 00000 n \n".encode() for offset in offsets)
    size = len(objects) + 1
    out.write(
        f"trailer << /Size {size} /Root 1 0 R {trailer} >>\n"
        f"startxref\n{start}\n%%EOF\n".encode()
    )
    return out.getvalue()


def _rc4(key: bytes, data: bytes) -> bytes:
    state = list(range(256))
    j = 0
    for i in range(256):
        j = (j + state[i] + key[i % len(key)]) % 256
        state[i], state[j] = state[j], state[i]
    out = bytearray()
    i = j = 0
    for byte in data:
        i = (i + 1) % 256
        j = (j + state[i]) % 256
        state[i], state[j] = state[j], state[i]
        out.append(byte ^ state[(state[i] + state[j]) % 256])
    return bytes(out)


# --- Office ----------------------------------------------------------------


def docx_bytes(paragraphs: Sequence[str], *, table: Rows | None = None) -> bytes:
    """A Word file; "# " starts a heading, "- " a list item, a form feed a page."""
    import docx

    document = docx.Document()
    for text in paragraphs:
        if text == "\f":
            document.add_page_break()
        elif text.startswith("#"):
            marks, _, rest = text.partition(" ")
            document.add_heading(rest, level=len(marks))
        elif text.startswith("- "):
            document.add_paragraph(text[2:], style="List Bullet")
        else:
            document.add_paragraph(text)
    if table:
        grid = document.add_table(rows=len(table), cols=len(table[0]))
        for row, values in zip(grid.rows, table, strict=True):
            for cell, value in zip(row.cells, values, strict=True):
                cell.text = str(value)
    return _saved(document)


def pptx_bytes(slides: Sequence[tuple[str, str]], *, notes: str = "") -> bytes:
    """A presentation: (title, body) a slide; ``notes`` go to the first slide."""
    import pptx

    deck = pptx.Presentation()
    for title, body in slides:
        slide = deck.slides.add_slide(deck.slide_layouts[1])
        slide.shapes.title.text = title
        slide.placeholders[1].text = body
    if notes:
        deck.slides[0].notes_slide.notes_text_frame.text = notes
    return _saved(deck)


def xlsx_bytes(sheets: Mapping[str, Rows]) -> bytes:
    """A workbook: rows by sheet name."""
    import openpyxl

    book = openpyxl.Workbook()
    book.remove(book.active)
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(list(row))
    return _saved(book)


def odt_bytes(paragraphs: Sequence[str]) -> bytes:
    """An OpenDocument text; "# " starts a heading."""
    ns = "urn:oasis:names:tc:opendocument:xmlns"
    body = "".join(
        f'<text:h text:outline-level="1">{text[2:]}</text:h>'
        if text.startswith("# ")
        else f"<text:p>{text}</text:p>"
        for text in paragraphs
    )
    content = (
        f'<?xml version="1.0"?><office:document-content '
        f'xmlns:office="{ns}:office:1.0" xmlns:text="{ns}:text:1.0">'
        f"<office:body><office:text>{body}</office:text></office:body>"
        f"</office:document-content>"
    )
    kind = "application/vnd.oasis.opendocument.text"
    return zip_bytes({"mimetype": kind, "content.xml": content})


def epub_bytes(chapters: Sequence[str]) -> bytes:
    """A book with one XHTML chapter a string of markup."""
    items = range(len(chapters))
    manifest = "".join(
        f'<item id="c{i}" href="c{i}.xhtml" media-type="application/xhtml+xml"/>'
        for i in items
    )
    spine = "".join(f'<itemref idref="c{i}"/>' for i in items)
    parts = {
        "mimetype": "application/epub+zip",
        "META-INF/container.xml": (
            '<container xmlns="urn:oasis:names:tc:opendocument:xmlns:container">'
            '<rootfiles><rootfile full-path="book/package.opf"/></rootfiles></container>'
        ),
        "book/package.opf": (
            '<package xmlns="http://www.idpf.org/2007/opf" '
            'xmlns:dc="http://purl.org/dc/elements/1.1/">'
            "<metadata><dc:title>A small book</dc:title></metadata>"
            f"<manifest>{manifest}</manifest><spine>{spine}</spine></package>"
        ),
    }
    for i, chapter in enumerate(chapters):
        parts[f"book/c{i}.xhtml"] = (
            f'<html xmlns="http://www.w3.org/1999/xhtml"><body>{chapter}</body></html>'
        )
    return zip_bytes(parts)


def _saved(document: object) -> bytes:
    out = io.BytesIO()
    document.save(out)  # type: ignore[attr-defined]
    return out.getvalue()


# --- Text ------------------------------------------------------------------


def html_bytes(title: str, body: str) -> bytes:
    """A web page with ``body`` as markup inside <main>."""
    return (
        f"<!doctype html><html><head><title>{title}</title></head>"
        f"<body><nav>Home About</nav><main>{body}</main></body></html>"
    ).encode()


def md_bytes(text: str) -> bytes:
    """Markdown."""
    return text.encode()


def txt_bytes(text: str, encoding: str = "utf-8") -> bytes:
    """Plain text in an encoding of choice."""
    return text.encode(encoding)


def csv_bytes(rows: Rows, *, delimiter: str = ",") -> bytes:
    """Rows of cells; no cell may hold the delimiter or a quote."""
    lines = (delimiter.join(str(cell) for cell in row) for row in rows)
    return ("\n".join(lines) + "\n").encode()


def json_bytes(value: object) -> bytes:
    """A JSON document."""
    return json.dumps(value).encode()


def eml_bytes(
    subject: str, body: str, *, attachments: Mapping[str, bytes] | None = None
) -> bytes:
    """A mail from Alice to Bob."""
    mail = EmailMessage()
    mail["From"] = "Alice Example <alice@example.org>"
    mail["To"] = "Bob Example <bob@example.org>"
    mail["Date"] = "Mon, 02 Nov 2026 09:00:00 +0000"
    mail["Subject"] = subject
    mail.set_content(body)
    for name, data in (attachments or {}).items():
        mail.add_attachment(
            data, maintype="application", subtype="octet-stream", filename=name
        )
    return mail.as_bytes()


def rtf_bytes(text: str) -> bytes:
    r"""Rich text; a newline becomes \par."""
    body = text.replace("\n", "\\par\n")
    return ("{\\rtf1\\ansi\\deff0 " + body + "}").encode("ascii")


# --- Broken and hostile ----------------------------------------------------


def zip_bytes(parts: Mapping[str, str | bytes]) -> bytes:
    """A ZIP archive; the first part is stored, as ODF and EPUB demand."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for i, (name, data) in enumerate(parts.items()):
            kind = zipfile.ZIP_STORED if i == 0 else zipfile.ZIP_DEFLATED
            archive.writestr(zipfile.ZipInfo(name), data, compress_type=kind)
    return out.getvalue()


def raw_docx_bytes(document_xml: str | bytes) -> bytes:
    """A Word package around any document.xml."""
    return zip_bytes(
        {
            "[Content_Types].xml": _DOCX_TYPES,
            "_rels/.rels": _DOCX_RELS,
            "word/document.xml": document_xml,
        }
    )


def word_bytes(document_xml: str, parts: Mapping[str, str]) -> bytes:
    """A Word package with further parts, such as "styles" or "numbering", as XML."""
    office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    package = "http://schemas.openxmlformats.org/package/2006/relationships"
    related = "".join(
        f'<Relationship Id="{name}" Type="{office}/{name}" Target="{name}.xml"/>'
        for name in parts
    )
    return zip_bytes(
        {
            "[Content_Types].xml": _DOCX_TYPES,
            "_rels/.rels": _DOCX_RELS,
            "word/document.xml": document_xml,
            "word/_rels/document.xml.rels": (
                f'<Relationships xmlns="{package}">{related}</Relationships>'
            ),
        }
        | {f"word/{name}.xml": xml for name, xml in parts.items()}
    )


def bomb_docx_bytes(unpacked_mb: int = 120) -> bytes:
    """A Word file of some 100 kB whose document.xml unpacks past any limit."""
    filler = b"<w:p><w:r><w:t>" + b"a" * 1000 + b"</w:t></w:r></w:p>"
    body = filler * (unpacked_mb * 1_000_000 // len(filler))
    head = f'<w:document xmlns:w="{_WORD_NS}"><w:body>'.encode()
    return raw_docx_bytes(head + body + b"</w:body></w:document>")


def xxe_docx_bytes(target: str = "file:///etc/passwd") -> bytes:
    """A Word file whose text is an external entity."""
    return raw_docx_bytes(
        f'<?xml version="1.0"?><!DOCTYPE d [<!ENTITY leak SYSTEM "{target}">]>'
        f'<w:document xmlns:w="{_WORD_NS}"><w:body><w:p><w:r>'
        f"<w:t>before &leak; after</w:t></w:r></w:p></w:body></w:document>"
    )


def laughing_docx_bytes() -> bytes:
    """A Word file with entities that expand to 10^9 copies."""
    entities = '<!ENTITY a0 "ha">' + "".join(
        f'<!ENTITY a{i} "{f"&a{i - 1};" * 10}">' for i in range(1, 10)
    )
    return raw_docx_bytes(
        f'<?xml version="1.0"?><!DOCTYPE d [{entities}]>'
        f'<w:document xmlns:w="{_WORD_NS}"><w:body><w:p><w:r>'
        f"<w:t>&a9;</w:t></w:r></w:p></w:body></w:document>"
    )


def slipping_docx_bytes() -> bytes:
    """A Word package with an entry that would leave the folder it is unpacked in."""
    return zip_bytes(
        {
            "[Content_Types].xml": _DOCX_TYPES,
            "_rels/.rels": _DOCX_RELS,
            "word/document.xml": "<x/>",
            "../../outside.txt": "escaped",
        }
    )


def truncated_docx_bytes() -> bytes:
    """The first half of a good Word file."""
    whole = docx_bytes(["A paragraph that will be cut off."])
    return whole[: len(whole) // 2]


def program_bytes() -> bytes:
    """What starts like a Windows program."""
    return b"MZ\x90\x00\x03\x00\x00\x00" + bytes(2048)


def png_bytes() -> bytes:
    """A picture of one pixel."""
    return bytes.fromhex(
        "89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de"
        "0000000c4944415408d763f8cfc000000301010018dd8db00000000049454e44ae426082"
    )


# --- Pictures of text ------------------------------------------------------


def picture_of(lines: Sequence[str], *, kind: str = "PNG", turned: int = 0) -> bytes:
    """A sheet of A4 at 150 dots an inch with lines of type; see pictures_of."""
    return pictures_of([lines], kind=kind, turned=turned)


def pictures_of(
    pages: Sequence[Sequence[str]], *, kind: str = "TIFF", turned: int = 0
) -> bytes:
    """Sheets as scanned, several in one TIFF or PDF; ``turned`` in degrees."""
    from PIL import Image, ImageDraw, ImageFont

    sheets = []
    for lines in pages:
        sheet = Image.new("L", (1240, 1754), "white")
        draw = ImageDraw.Draw(sheet)
        for row, line in enumerate(lines):
            size = 48 if line.startswith("# ") else 28
            font = ImageFont.load_default(size)
            draw.text((150, 150 + 60 * row), line.removeprefix("# "), "black", font)
        sheets.append(sheet.rotate(turned, expand=True))
    out = io.BytesIO()
    more = {"save_all": True, "append_images": sheets[1:]} if len(sheets) > 1 else {}
    sheets[0].save(out, kind, dpi=(150, 150), resolution=150, **more)
    return out.getvalue()
