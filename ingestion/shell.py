"""Who acts, and on which collection, when a command is typed on the server."""

from __future__ import annotations

from django.contrib.auth import get_user_model

from ingestion.models import Collection, Role
from ingestion.services import create_collection
from ingestion.visibility import collections_visible_to
from rag_site.asking import Asker
from rag_site.errors import NotFound

OPERATOR = "operator"


def owner_named(name: str | None) -> Asker:
    """Return the user ``name``, or whoever owns what the shell makes.

    That is the first active administrator; on a site without one, a user named
    operator, who cannot sign in until an administrator gives a password.

    Raises:
        NotFound: there is no active user of that name.
    """
    users = get_user_model()._default_manager.filter(is_active=True)
    if name is not None:
        user = users.filter(username=name).first()
        if user is None:
            raise NotFound(f"There is no active user named {name!r}.")
        return Asker(user_id=user.pk, via="shell")
    user = users.filter(is_superuser=True).order_by("pk").first()
    if user is None:
        user, is_new = get_user_model()._default_manager.get_or_create(
            username=OPERATOR
        )
        if is_new:
            user.set_unusable_password()
            user.save()
    return Asker(user_id=user.pk, via="shell")


def writable_collection(asker: Asker, name: str) -> Collection:
    """Return the collection ``name`` that the asker may add to, made if there is none."""
    rows = collections_visible_to(asker, Role.WRITER).filter(name=name)
    own = rows.filter(owner=asker.user_id).first()
    return own or rows.first() or create_collection(asker, name=name)


def any_collection(name: str) -> Collection:
    """Return the collection ``name``, whoever owns it: a shell on the server sees all.

    Raises:
        NotFound: none is named so, or several are.
    """
    rows = list(Collection.objects.filter(name=name)[:2])
    if len(rows) != 1:
        found = "no collection" if not rows else "more than one collection"
        raise NotFound(f"There is {found} named {name!r}.")
    return rows[0]
