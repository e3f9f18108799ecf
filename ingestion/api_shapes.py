"""Shapes of collections and documents in the API."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Literal
from uuid import UUID

from ninja import Schema
from pydantic import Field

from ingestion.tagging import MAX_TAG_CHARS, MAX_TAGS
from rag_site.schemas import Closed, ErrorBody, Text

Name = Annotated[Text, Field(min_length=1, max_length=120)]
Description = Annotated[Text, Field(max_length=2000)]
Language = Annotated[
    str,
    Field(
        pattern=r"^[a-z_]{1,40}$",
        description="A Postgres text-search configuration, such as english or simple.",
    ),
]
VisibilityName = Literal["members", "everyone"]
MaskingName = Literal["off", "answers", "documents"]
RoleName = Literal["reader", "writer", "manager"]


class CollectionIn(Closed):
    name: Name
    description: Description = ""
    language: Language = "english"
    visibility: VisibilityName = "members"
    masking: MaskingName = "off"


class CollectionPatch(Closed):
    """Only the fields that are sent change."""

    name: Name | None = None
    description: Description | None = None
    language: Language | None = None
    visibility: VisibilityName | None = None
    masking: MaskingName | None = None


class CollectionOut(Schema):
    id: UUID
    name: str
    description: str
    language: str
    visibility: VisibilityName
    masking: MaskingName = Field(
        description="Where numbers and addresses of people are not shown."
    )
    owner: str
    role: RoleName = Field(description="What you may do here.")
    documents: int
    created_at: dt.datetime
    updated_at: dt.datetime


class CollectionList(Schema):
    items: list[CollectionOut]
    next_cursor: str | None


class ShareIn(Closed):
    """A user or a group, by name."""

    user: Annotated[Text, Field(min_length=1, max_length=150)] | None = None
    group: Annotated[Text, Field(min_length=1, max_length=150)] | None = None


class TagsIn(Closed):
    """All tags of a document; stored in small letters and sorted."""

    tags: Annotated[
        list[Annotated[Text, Field(min_length=1, max_length=MAX_TAG_CHARS)]],
        Field(max_length=MAX_TAGS),
    ]


class MemberIn(ShareIn):
    """A user or a group, by name, and a role; an existing member gets the new role."""

    role: RoleName


class ShareOut(Schema):
    id: int
    user: str | None
    group: str | None


class ShareList(Schema):
    items: list[ShareOut]
    next_cursor: str | None


class MemberOut(ShareOut):
    role: RoleName


class MemberList(Schema):
    items: list[MemberOut]
    next_cursor: str | None


class FailureOut(Schema):
    code: str
    message: str
    reference: str


class DocumentOut(Schema):
    """A document; ``percent`` and ``eta_s`` tell how far reading has come."""

    id: UUID
    collection: UUID
    name: str
    path: str = Field(description="Folder and name, as added with a folder.")
    tags: list[str]
    state: Literal[
        "queued",
        "parsing",
        "embedding",
        "ready",
        "failed",
        "quarantined",
        "cancelled",
    ]
    percent: int
    steps_done: int = Field(
        description="Pages while parsing, passages while embedding."
    )
    steps_total: int = Field(description="0 while it is not known.")
    eta_s: int | None
    place: int | None = Field(description="Place in the queue, 1 is next.")
    version: int = Field(description="The newest one, which may still be read.")
    searched_version: int | None = Field(description="The one that answers rest on.")
    media_type: str
    size_bytes: int
    pages: int
    chunks: int
    failure: FailureOut | None
    notices: list[str]
    added_by: str | None
    created_at: dt.datetime
    updated_at: dt.datetime


class ProgressOut(Schema):
    """Files queued since the queue was last empty; failed ones count as done."""

    done: int
    total: int
    failed: int
    percent: int
    eta_s: int | None


class DocumentList(Schema):
    items: list[DocumentOut]
    next_cursor: str | None


class UploadRow(Schema):
    """What became of one file, or of one file of an archive."""

    name: str
    outcome: Literal["created", "duplicate", "new_version", "skipped", "refused"]
    document: DocumentOut | None
    error: ErrorBody | None


class AddressIn(Closed):
    """A public http or https address of a file."""

    url: Annotated[Text, Field(min_length=1, max_length=2000)]
    on_same_name: Literal["replace", "keep", "skip", "ask"] = "keep"
    unpack: bool = False


class UploadOut(Schema):
    documents: list[UploadRow]
