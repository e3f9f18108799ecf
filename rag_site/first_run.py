"""What the setup page does with the one-time link, in one transaction."""

from __future__ import annotations

import logging
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from ingestion import services
from ingestion.models import Collection
from rag_site import weights
from rag_site.asking import Asker
from rag_site.errors import NotFound, RagError
from rag_site.first_admin import has_administrator, token_digest
from rag_site.forms import SetupForm
from rag_site.machine import total_memory, usable_cores
from rag_site.models import OneTimeLink, User

logger = logging.getLogger(__name__)

SAMPLE = Path(__file__).parent / "sample" / "About Plumbline.md"
FIRST_QUESTION = "How many passages are put before the language model?"


class LinkUsed(NotFound):
    """This link was used, has expired, or was never made. Sign in, or start the site again for a new one."""

    code = "setup_link_invalid"


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What the site will run with on this machine."""

    model: str
    model_size: int
    is_model_here: bool
    embedder: str
    context_tokens: int
    threads: int
    memory_bytes: int


def check_link(token: str) -> None:
    """Raise LinkUsed unless ``token`` opens the setup page now."""
    if has_administrator() or not _live_links(token).exists():
        raise LinkUsed


def make_first_administrator(token: str, form: SetupForm) -> User:
    """Use up the link, and make the administrator and a first collection.

    Raises:
        LinkUsed: somebody was faster.
    """
    with transaction.atomic():
        if not _live_links(token).update(used_at=timezone.now()):
            raise LinkUsed
        user: User = form.save(commit=False)
        user.is_staff = user.is_superuser = True
        user.save()
        asker = Asker(user_id=user.pk)
        made = services.create_collection(asker, name=form.cleaned_data["collection"])
    if form.cleaned_data["sample"]:
        _add_sample(asker, made)
    return user


def plan() -> Plan:
    """Read the plan of this machine; a model that is not known here has no size."""
    found = weights.CATALOGUE.get(settings.MODEL)
    return Plan(
        model=settings.MODEL,
        model_size=found.size_bytes if found else 0,
        is_model_here=bool(found) and weights.state(settings.MODEL) == "ready",
        embedder=settings.EMBEDDER,
        context_tokens=settings.CONTEXT_TOKENS,
        threads=settings.MODEL_THREADS or usable_cores(),
        memory_bytes=total_memory(),
    )


def _live_links(token: str) -> QuerySet[OneTimeLink]:
    return OneTimeLink.objects.filter(
        purpose=OneTimeLink.Purpose.FIRST_ADMIN,
        digest=token_digest(token),
        used_at=None,
        expires_at__gt=timezone.now(),
    )


def _add_sample(asker: Asker, collection: Collection) -> None:
    """Add the sample; the site is set up without it too."""
    try:
        with tempfile.TemporaryDirectory(dir=settings.FILE_UPLOAD_TEMP_DIR) as folder:
            copy = shutil.copy(SAMPLE, folder)
            services.accept_upload(
                asker, collection.pk, path=Path(copy), name=SAMPLE.name
            )
    except RagError as problem:
        logger.warning("the sample document was not added: %s", problem.code)
