"""Collections, documents and what was extracted from them.

Collection > Document > DocumentVersion > Page and Chunk > Embedding.
"""

from __future__ import annotations

import uuid

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import MD5
from django.utils import timezone
from pgvector.django import HalfVectorField

from ingestion import checkpoint_models, share_models  # noqa: F401 - Django looks here
from ingestion.masking_models import Masking


class Role(models.TextChoices):
    """What a member may do; each role includes the ones before it."""

    READER = "reader", "Reader"
    WRITER = "writer", "Writer"
    MANAGER = "manager", "Manager"


class Collection(models.Model):
    """A library with members. Its owner is a manager that cannot be removed."""

    class Visibility(models.TextChoices):
        MEMBERS = "members", "Members only"
        EVERYONE = "everyone", "Everyone who is signed in may read"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(max_length=120)
    description = models.TextField(blank=True, max_length=2000)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="owned_collections"
    )
    visibility = models.CharField(
        max_length=10, choices=Visibility.choices, default=Visibility.MEMBERS
    )
    language = models.CharField(max_length=40, default="english")  # a regconfig
    masking = models.CharField(max_length=10, choices=Masking.choices, default="off")
    adapter = models.SlugField(max_length=64, blank=True, default="", db_index=False)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["name", "id"]
        constraints = [
            models.UniqueConstraint(
                fields=["owner", "name"], name="collection_name_once_per_owner"
            )
        ]

    def __str__(self) -> str:
        return self.name


class Membership(models.Model):
    """A role in a collection for one user or for one group."""

    collection = models.ForeignKey(
        Collection, models.CASCADE, related_name="memberships"
    )
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, null=True, blank=True
    )
    group = models.ForeignKey("auth.Group", models.CASCADE, null=True, blank=True)
    role = models.CharField(max_length=10, choices=Role.choices, default=Role.READER)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(user__isnull=False, group__isnull=True)
                | Q(user__isnull=True, group__isnull=False),
                name="membership_of_a_user_or_a_group",
            ),
            models.UniqueConstraint(
                fields=["collection", "user"], name="membership_once_per_user"
            ),
            models.UniqueConstraint(
                fields=["collection", "group"], name="membership_once_per_group"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user or self.group}: {self.role}"


class Document(models.Model):
    """An upload. ``state`` changes only by conditional updates in services.py."""

    class State(models.TextChoices):
        QUEUED = "queued", "Waiting"
        PARSING = "parsing", "Reading"
        EMBEDDING = "embedding", "Indexing"
        READY = "ready", "Ready"
        FAILED = "failed", "Failed"
        QUARANTINED = "quarantined", "Set aside"
        CANCELLED = "cancelled", "Cancelled"

    class Queue(models.TextChoices):
        """Which workers read it; long ones must not hold up the others."""

        SMALL = "small", "Ordinary files"
        LARGE = "large", "Large or long files"

    #: States that end by themselves; the others are waiting or at work.
    SETTLED = (State.READY, State.FAILED, State.QUARANTINED, State.CANCELLED)

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    collection = models.ForeignKey(Collection, models.CASCADE, related_name="documents")
    # The name as uploaded, cleaned of control characters; never used as a path.
    name = models.CharField(max_length=255)
    # Where it lay in the folder or archive that was added, "a/b"; for people only.
    folder = models.CharField(max_length=500, blank=True, default="")
    # Labels that writers give it, as ingestion.tagging makes them.
    tags = ArrayField(models.CharField(max_length=40), default=list, blank=True)
    state = models.CharField(max_length=12, choices=State.choices, default=State.QUEUED)
    # The version that searches see; the one being read is the newest one.
    current_version = models.ForeignKey(
        "DocumentVersion", models.SET_NULL, null=True, blank=True, related_name="+"
    )
    queue = models.CharField(max_length=5, choices=Queue.choices, default=Queue.SMALL)
    # Counts claims: a worker's fencing token, which all its later writes demand.
    attempt = models.PositiveIntegerField(default=0)
    # Claims since the last upload, retry or checkpoint; the limit quarantines it.
    tries = models.PositiveIntegerField(default=0)
    lease_until = models.DateTimeField(null=True, blank=True)
    # Steps done of the state at work: pages while parsing, chunks while embedding.
    progress_done = models.PositiveIntegerField(default=0)
    progress_total = models.PositiveIntegerField(default=0)
    started_at = models.DateTimeField(null=True, blank=True)
    failure_code = models.CharField(max_length=40, blank=True)
    failure_message = models.CharField(max_length=500, blank=True)
    failure_reference = models.CharField(max_length=16, blank=True)
    # What the reader of the file should know, such as "2 pages hold no text".
    notices = models.JSONField(default=list, blank=True)
    added_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True
    )
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)
    # When it was last put in the queue: added, replaced or retried.
    queued_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["-created_at", "id"]
        indexes = [
            models.Index(fields=["collection", "name"], name="document_by_name"),
            models.Index(fields=["collection", "state"], name="document_by_state"),
            models.Index(
                fields=["lease_until"],
                name="document_unsettled",
                condition=Q(state__in=["queued", "parsing", "embedding"]),
            ),
            models.Index(
                fields=["queue", "queued_at"],
                name="document_next",
                condition=Q(state__in=["queued", "parsing", "embedding"]),
            ),
        ]

    def __str__(self) -> str:
        return self.path

    @property
    def path(self) -> str:
        """Folder and name: what tells it from others of its name."""
        return f"{self.folder}/{self.name}" if self.folder else self.name


class DocumentVersion(models.Model):
    """One set of bytes of a document, stored under its digest."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    document = models.ForeignKey(Document, models.CASCADE, related_name="versions")
    number = models.PositiveIntegerField()
    # SHA-256 of the file, hexadecimal; also its name on disk.
    digest = models.CharField(max_length=64, db_index=True)
    size_bytes = models.BigIntegerField()
    media_type = models.CharField(max_length=120)
    title = models.CharField(max_length=300, blank=True)
    page_count = models.PositiveIntegerField(default=0)
    chunk_count = models.PositiveIntegerField(default=0)
    parser_version = models.CharField(max_length=40, blank=True)
    chunker_version = models.CharField(max_length=40, blank=True)
    # Text search as told from the text (ingestion.languages), "" if it says too little.
    language = models.CharField(max_length=40, blank=True, default="")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["document", "-number"]
        constraints = [
            models.UniqueConstraint(
                fields=["document", "number"], name="version_number_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.document_id} v{self.number}"


class TreeFile(models.Model):
    """A file of a folder on the server, as `ingest` last saw it.

    Tells a changed file from a new one, and which documents came from the
    folder and go when their file does.
    """

    collection = models.ForeignKey(Collection, models.CASCADE)
    # Absolute path of the folder, and the file's path inside it.
    root = models.TextField()
    path = models.TextField()
    # SHA-256 of the file, hexadecimal.
    digest = models.CharField(max_length=64)
    document = models.ForeignKey(Document, models.CASCADE, related_name="tree_files")
    # Whether the document was made from the folder; others only hold the same bytes.
    is_source = models.BooleanField(default=False)

    class Meta:
        constraints = [
            # Digests, because a path may be longer than an index entry.
            models.UniqueConstraint(
                "collection", MD5("root"), MD5("path"), name="tree_file_once"
            )
        ]

    def __str__(self) -> str:
        return self.path


class Page(models.Model):
    """The text of one page, slide, sheet or, for flowing formats, the whole file.

    The text of a version is its pages joined by ``ingestion.types.PAGE_BREAK``;
    spans of chunks and sources are character offsets into that text.
    """

    version = models.ForeignKey(DocumentVersion, models.CASCADE, related_name="pages")
    number = models.PositiveIntegerField()
    # Offset of this page's first character in the text of the version.
    start = models.PositiveIntegerField()
    text = models.TextField(blank=True)
    # Sheet name, slide title or printed page label.
    label = models.CharField(max_length=200, blank=True)
    # Blocks as ingestion.types.Block, spans relative to the page.
    blocks = models.JSONField(default=list)
    # Size in points, for pages that can be shown as an image; 0 otherwise.
    width = models.FloatField(default=0)
    height = models.FloatField(default=0)

    class Meta:
        ordering = ["version", "number"]
        constraints = [
            models.UniqueConstraint(fields=["version", "number"], name="page_once")
        ]

    def __str__(self) -> str:
        return f"page {self.number}"


class Chunk(models.Model):
    """A stored passage: ``text`` is exactly the version's text[start:end].

    Two generated columns that Django never reads or writes are added by
    migration 0004: ``lexemes`` (tsvector) and ``bm25`` (sparsevec).
    """

    id = models.BigAutoField(primary_key=True)
    version = models.ForeignKey(DocumentVersion, models.CASCADE, related_name="chunks")
    ordinal = models.PositiveIntegerField()
    text = models.TextField()
    # Title and headings above the passage, "Manual › Setup › Linux"; embedded
    # and indexed together with the text.
    heading = models.TextField(blank=True)
    # SHA-256 of heading and text: a new version reuses vectors by it.
    text_digest = models.CharField(max_length=64, db_index=True)
    start = models.PositiveIntegerField()
    end = models.PositiveIntegerField()
    page_first = models.PositiveIntegerField()
    page_last = models.PositiveIntegerField()
    token_count = models.PositiveIntegerField()
    # Text-search configuration, chosen when stored (ingestion.languages).
    language = models.CharField(max_length=40, default="english")

    class Meta:
        ordering = ["version", "ordinal"]
        constraints = [
            models.UniqueConstraint(
                fields=["version", "ordinal"], name="chunk_ordinal_once"
            ),
            models.CheckConstraint(
                condition=Q(end__gt=F("start")), name="chunk_span_not_empty"
            ),
        ]

    def __str__(self) -> str:
        return f"chunk {self.ordinal}"


class EmbeddingSpace(models.Model):
    """One embedder at one digest; a search meets exactly one space, the live one.

    Its vectors are a partition of their own (ingestion.spaces). A space beside the
    live one is made by ingestion.reembedding; the fields from ``step`` on are its.
    """

    class State(models.TextChoices):
        BUILDING = "building", "Being built"
        LIVE = "live", "Live"
        RETIRED = "retired", "Retired"

    class Step(models.TextChoices):
        WAITING = "waiting", "Waiting for a worker"
        EMBEDDING = "embedding", "Embedding the passages"
        INDEXING = "indexing", "Building the index"
        CHECKING = "checking", "Asking test questions"
        STOPPED = "stopped", "Stopped"
        DONE = "done", "Done"

    model_name = models.CharField(max_length=120)
    model_digest = models.CharField(max_length=64)
    dimension = models.PositiveIntegerField()
    # Of the passages that were there when the space was made.
    chunker_version = models.CharField(max_length=40, blank=True, default="")
    state = models.CharField(
        max_length=10, choices=State.choices, default=State.BUILDING
    )
    created_at = models.DateTimeField(auto_now_add=True)
    # When ``state`` last changed.
    changed_at = models.DateTimeField(default=timezone.now)
    step = models.CharField(max_length=10, choices=Step.choices, default=Step.DONE)
    # Passages embedded, or per mille of the index while indexing.
    done = models.PositiveIntegerField(default=0)
    total = models.PositiveIntegerField(default=0)
    # Why it stopped, for people.
    problem = models.CharField(max_length=500, blank=True, default="")
    # Share of test questions whose passage is found, here and in the live one then.
    recall = models.FloatField(null=True, blank=True)
    recall_of_live = models.FloatField(null=True, blank=True)
    # Go live whatever the test questions say: a way back must not be refused.
    is_forced = models.BooleanField(default=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["state"], condition=Q(state="live"), name="one_live_space"
            ),
            models.UniqueConstraint(
                fields=["state"],
                condition=Q(state="building"),
                name="one_building_space",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.model_name} ({self.dimension}, {self.state})"

    @property
    def percent(self) -> int:
        """Of the step at work, 0 to 100."""
        return min(100, 100 * self.done // self.total) if self.total else 0


class Embedding(models.Model):
    """One chunk's vector in one space, halfvec, L2-normalised.

    Partitioned by space: an old one goes by dropping its table. The column has no
    fixed dimension, so that two models can live side by side; each partition has
    its own HNSW index. The partition stands in for a foreign key to the space.
    """

    pk = models.CompositePrimaryKey("chunk_id", "space_id")
    chunk = models.ForeignKey(
        Chunk, models.CASCADE, related_name="embeddings", db_index=False
    )
    space = models.ForeignKey(
        EmbeddingSpace, models.CASCADE, db_constraint=False, db_index=False
    )
    vector = HalfVectorField()

    def __str__(self) -> str:
        return f"embedding of chunk {self.chunk_id}"


class WorkerHeartbeat(models.Model):
    """When a worker last looked for work in Postgres, or renewed a lease there."""

    name = models.CharField(max_length=100, primary_key=True)
    at = models.DateTimeField()

    def __str__(self) -> str:
        return self.name
