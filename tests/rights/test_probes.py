"""Random people at every door, judged by a second description of the rights.

``PLUMBLINE_PROBES`` sets how many probes there are; a run prints its seed.
"""

from __future__ import annotations

import os
import random
from collections import Counter
from collections.abc import Callable
from uuid import uuid4

import pytest
from django.test import Client
from pytest_django import Settings

from generation.models import Answer, Conversation, Source
from generation.selectors import sources_of
from generation.turns import starters_for
from ingestion.models import Chunk, Document
from ingestion.selectors import document_rows
from ingestion.visibility import (
    collections_visible_to,
    get_document_for,
    reading_as,
    visible_to,
)
from rag_site import credentials
from rag_site.errors import NotFound
from rag_site.models import User
from retrieval.search import search
from retrieval.types import RetrievalConfig
from tests.factories import asker
from tests.fakes import HashEmbedder
from tests.keyed import client_of
from tests.rights.world import World, make_world

pytestmark = [pytest.mark.django_db, pytest.mark.faults]

PROBES = int(os.environ.get("PLUMBLINE_PROBES", "2000"))
# Probes between two changes of a right.
STEADY = 10
EMBEDDER = HashEmbedder()
CONFIG = RetrievalConfig(k=40, candidates=60)

#: Whether a person sees a document through one door.
Door = Callable[["Probe", User, Document], bool]


class Probe:
    """A world, and what people hold in their hands there."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.keys = {user: client_of(user) for user in world.users}
        self.browsers = {user: Client() for user in world.users}
        for user, browser in self.browsers.items():
            browser.force_login(user)
        self.answers = {
            user: _answer_over_everything(world, user) for user in world.users
        }

    def found(self, user: User, document: Document, **narrowed: object) -> bool:
        question = f"What is {self.world.words[document]}?"
        result = search(
            question, visible_to(asker(user), **narrowed), CONFIG, embedder=EMBEDDER
        )
        assert result.documents >= len({hit.document_id for hit in result.hits})
        return any(hit.document_id == document.pk for hit in result.hits)

    def api(self, user: User, path: str) -> bool:
        answer = self.keys[user].get(f"/api/v1/{path}")
        assert answer.status_code in {200, 401, 404}
        return answer.status_code == 200

    def page(self, user: User, path: str, word: str) -> bool:
        answer = self.browsers[user].get(path)
        assert answer.status_code in {200, 302, 404}
        return answer.status_code == 200 and word in answer.content.decode()


def _answer_over_everything(world: World, user: User) -> Answer:
    """An answer of the user's own that once rested on every document."""
    conversation = Conversation.objects.create(user=user)
    answer = Answer.objects.create(conversation=conversation, question="?")
    Source.objects.bulk_create(
        Source(
            answer=answer,
            n=n,
            version=d.current_version,
            start=0,
            end=40,
            page=1,
            score=1,
        )
        for n, d in enumerate(world.documents, 1)
    )
    return answer


def by_search(probe: Probe, user: User, document: Document) -> bool:
    return probe.found(user, document)


def by_search_of_its_collection(probe: Probe, user: User, document: Document) -> bool:
    return probe.found(user, document, collections=frozenset({document.collection_id}))


def by_id(probe: Probe, user: User, document: Document) -> bool:
    try:
        return get_document_for(asker(user), document.pk) == document
    except NotFound:
        return False


def by_list(probe: Probe, user: User, document: Document) -> bool:
    return document_rows(asker(user)).filter(pk=document.pk).exists()


def by_collection(probe: Probe, user: User, document: Document) -> bool:
    """A shared document does not open the collection that it lies in."""
    rows = collections_visible_to(asker(user))
    is_open = rows.filter(pk=document.collection_id).exists()
    assert is_open is probe.world.may_enter(user, probe.world.home[document])
    return probe.world.may_read(user, document)


def by_floor(probe: Probe, user: User, document: Document) -> bool:
    with reading_as(user.pk):
        return Chunk.objects.filter(version=document.current_version_id).exists()


def by_count(probe: Probe, user: User, document: Document) -> bool:
    """The number that a search names is that of the readable ones, exactly."""
    result = search("anything", visible_to(asker(user)), CONFIG, embedder=EMBEDDER)
    readable = [d for d in probe.world.documents if probe.world.may_read(user, d)]
    assert result.documents == len(readable)
    return document in readable


def by_suggestion(probe: Probe, user: User, document: Document) -> bool:
    """Suggestions may leave a document out; they never name one that is foreign."""
    names = str(starters_for(asker(user)))
    foreign = [
        word
        for other, word in probe.world.words.items()
        if word in names and not probe.world.may_read(user, other)
    ]
    assert not foreign
    return probe.world.may_read(user, document)


def by_quote(probe: Probe, user: User, document: Document) -> bool:
    n = probe.world.documents.index(document)
    source = sources_of(probe.answers[user], asker(user))[n]
    assert bool(source.quote) == (source.document == document.name)
    return bool(source.quote)


def by_api(probe: Probe, user: User, document: Document) -> bool:
    return probe.api(user, f"documents/{document.pk}")


def by_api_text(probe: Probe, user: User, document: Document) -> bool:
    return probe.api(user, f"documents/{document.pk}/text")


def by_api_list(probe: Probe, user: User, document: Document) -> bool:
    answer = probe.keys[user].get("/api/v1/documents?limit=100")
    return document.name in answer.content.decode()


def by_page(probe: Probe, user: User, document: Document) -> bool:
    word = probe.world.words[document]
    return probe.page(user, f"/documents/{document.pk}", word)


def by_library(probe: Probe, user: User, document: Document) -> bool:
    return probe.page(user, "/documents", document.name)


DOORS: tuple[Door, ...] = (
    by_search, by_search_of_its_collection, by_id, by_list, by_collection, by_floor,
    by_count, by_suggestion, by_quote, by_api, by_api_text, by_api_list, by_page,
    by_library,
)  # fmt: skip


def test_nobody_sees_what_is_not_theirs_and_everybody_what_is(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.REQUESTS_PER_MINUTE = 10**9
    # The key of somebody suspended is a wrong one.
    monkeypatch.setattr(credentials, "WRONG_KEYS_PER_MINUTE", 10**9)
    seed = int(os.environ.get("PLUMBLINE_SEED", "0")) or uuid4().int % 10**9
    chance = random.Random(seed)
    world = make_world(seed)
    probe = Probe(world)
    seen: Counter[tuple[str, bool]] = Counter()
    for n in range(PROBES):
        if n % STEADY == 0:
            world.change()
        door = chance.choice(DOORS)
        user, document = chance.choice(world.users), chance.choice(world.documents)
        expected = world.may_read(user, document)
        told = f"seed {seed}, probe {n}: {user} at {document.name} {door.__name__}"
        assert door(probe, user, document) is expected, told
        seen[door.__name__, expected] += 1
    print(  # noqa: T201 - the figure that a run is for
        f"\nrights: {PROBES} probes, seed {seed}, 0 leaks, 0 refusals of one's own"
    )
    # Every door met people on both sides of it.
    assert {name for name, _ in seen} == {door.__name__ for door in DOORS}
    assert all(seen[door.__name__, side] for door in DOORS for side in (True, False))
