"""XML without entities, network and unbounded trees."""

from __future__ import annotations

from typing import Any

from ingestion.errors import Corrupt, LimitExceeded
from ingestion.parsing.archives import Archive

# lxml elements carry no types of their own.
Element = Any


def parse_xml(data: bytes, *, lenient: bool = False) -> Element:
    """Parse XML that nobody vouches for; return its root.

    A document type declaration is refused as such: office formats need none,
    and entities are the way to billion-laughs and external-file attacks.

    Raises:
        Corrupt: not well-formed.
        LimitExceeded: it declares entities.
    """
    from lxml import etree

    if b"<!ENTITY" in data or b"<!\x00E\x00N\x00T\x00I\x00T\x00Y" in data:
        raise LimitExceeded(
            "The file declares XML entities, which harmless documents do not. "
            "Save it again with its program and add that copy."
        )
    parser = etree.XMLParser(
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
        recover=lenient,
    )
    try:
        root = etree.fromstring(data, parser)
    except etree.XMLSyntaxError as exc:
        raise Corrupt from exc
    if root is None:
        raise Corrupt
    return root


def read_xml(archive: Archive, name: str) -> Element:
    """Parse one entry of an archive."""
    return parse_xml(archive.read(name))


def relations(archive: Archive, part: str) -> dict[str, tuple[str, str]]:
    """Return the relationships of an OOXML part.

    Returns:
        (kind, target) by id: kind is the last word of the type address, target
        an entry of the archive. External targets are left out: nothing is
        ever fetched.
    """
    folder, _, file = part.rpartition("/")
    name = f"{folder}/_rels/{file}.rels" if folder else f"_rels/{file}.rels"
    if name not in archive:
        return {}
    found = {}
    for node in read_xml(archive, name):
        if not isinstance(node.tag, str) or node.get("TargetMode") == "External":
            continue
        kind = node.get("Type", "").rpartition("/")[2]
        found[node.get("Id", "")] = (kind, resolved(folder, node.get("Target", "")))
    return found


def resolved(folder: str, target: str) -> str:
    """Resolve a target relative to a folder of the archive."""
    if target.startswith("/"):
        return target.lstrip("/")
    parts = [part for part in folder.split("/") if part]
    for step in target.split("/"):
        if step == ".." and parts:
            parts.pop()
        elif step not in {"", ".", ".."}:
            parts.append(step)
    return "/".join(parts)


def local(node: Element) -> str:
    """The tag without its namespace; "" for comments and instructions."""
    tag = node.tag
    return tag.rpartition("}")[2] if isinstance(tag, str) else ""


def to_int(text: str | None, default: int = 0) -> int:
    """Read a number that the file claims; nonsense gives the default."""
    text = text or ""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 7 else default
