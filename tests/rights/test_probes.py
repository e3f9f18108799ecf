"""Random people at every door, judged by a second description of the rights.

Once as the site is, and once with the rights taken out of every statement, so that
only row-level security is left. ``PLUMBLINE_PROBES`` sets how many probes there are;
a run prints its seed.
"""

from __future__ import annotations

import json
import logging
import os
import random
from collections import Counter
from collections.abc import Callable
from uuid import uuid4

import pytest
from asgiref.sync import async_to_sync
from django.test import Client
from pytest_django import Settings

from generation import running, services
from generation.curating import pairs
from generation.curating.comparing import Pair
from generation.curating.models import Approval, RunAnswer
from generation.curating.run_pages import shown
from generation.errors import NothingToSearch
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
from retrieval.everything import (
    Sought,
    count_mentions,
    find_documents,
    find_passages,
    with_passages,
)
from retrieval.search import search
from retrieval.types import RetrievalConfig
from tests.factories import asker
from tests.fakes import HashEmbedder
from tests.fakes_llm import ScriptedLLM
from tests.keyed import client_of
from tests.rights.world import World, make_world

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.faults]

IS_LONG = bool(os.environ.get("PLUMBLINE_LONG_FAULTS"))
PROBES = int(os.environ.get("PLUMBLINE_PROBES", "100000" if IS_LONG else "2000"))
# Worlds that the probes are shared among; two processes take them in turns.
WORLDS = 4 if IS_LONG else 1
# Of the probes, what is made again without the filter.
UNFILTERED = 0.2
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
        for document in world.documents:
            _approve_answer_over(world, document)

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
        answer.close()
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


def _approve_answer_over(world: World, document: Document) -> None:
    collection = world.home[document]
    conversation = Conversation.objects.create(user=world.owner[collection])
    answer = Answer.objects.create(
        conversation=conversation, question="?", text="Yes [1].", state="done"
    )
    Source.objects.create(
        answer=answer,
        n=1,
        version=document.current_version,
        start=0,
        end=60,
        page=1,
        score=1,
    )
    Approval.objects.create(answer=answer, collection=collection)


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


def by_all_rows(probe: Probe, user: User, document: Document) -> bool:
    """Questions over everything count and list the readable ones, and no other."""
    visible, word = visible_to(asker(user)), probe.world.words[document]
    readable = [d for d in probe.world.documents if probe.world.may_read(user, d)]
    every = find_documents(Sought(limit=100), visible)
    assert every.total == every.searched == len(readable)
    assert {row.document_id for row in every.rows} == {d.pk for d in readable}
    found = find_documents(Sought(topic=word, limit=100), visible)
    shown = with_passages(found, found.rows, visible)
    held = {found.total, find_passages(word, visible).total}
    assert held == {count_mentions(word, visible).count} == {len(shown)}
    return any(row.hit and word in row.hit.text for row in shown)


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


def by_api_search(probe: Probe, user: User, document: Document) -> bool:
    question = {"question": f"What is {probe.world.words[document]}?", "k": 50}
    answer = probe.keys[user].post(
        "/api/v1/search", question, content_type="application/json"
    )
    assert answer.status_code in {200, 401}
    hits = answer.json()["hits"] if answer.status_code == 200 else []
    return any(hit["document_id"] == str(document.pk) for hit in hits)


def by_pairs(probe: Probe, user: User, document: Document) -> bool:
    """Somebody's approved answer rests on the document; its words leave with it.

    Pages ask for a curator first; here the export itself is tried, by anybody.
    """
    collection = probe.world.home[document]
    found = json.dumps(list(pairs.exported(asker(user), collection)))
    return probe.world.words[document] in found


def by_run(probe: Probe, user: User, document: Document) -> bool:
    """The sources of a run of golden answers are named to those who may read them."""
    source = {
        "n": 1,
        "page": 1,
        "start": 0,
        "end": 40,
        "is_cited": True,
        "document": str(document.pk),
        "version": str(document.current_version_id),
    }
    row = RunAnswer(ordinal=1, sources=[source])
    (found,) = shown(asker(user), [Pair(second=row)])
    return [link.name for link in found.second.links] == [document.name]


def by_ask(probe: Probe, user: User, document: Document) -> bool:
    """Through the whole pipeline, up to the sources that the reader is shown."""
    question = f"What is {probe.world.words[document]}?"
    try:
        answer = services.ask(asker(user), question=question, via="web")
    except NothingToSearch:
        return False
    try:
        answer = async_to_sync(running.run_to_end)(answer.pk, asker(user))
    except NotFound:  # somebody suspended
        return False
    return any(document.name == s.document for s in sources_of(answer, asker(user)))


def by_download(probe: Probe, user: User, document: Document) -> bool:
    return probe.api(user, f"documents/{document.pk}/file")


def by_source_view(probe: Probe, user: User, document: Document) -> bool:
    """The passage marked in its page, as a citation opens it."""
    span = f"version={document.current_version_id}&start=0&end=40&page=1"
    word = probe.world.words[document]
    return probe.page(user, f"/documents/{document.pk}?{span}", word)


def by_api_list(probe: Probe, user: User, document: Document) -> bool:
    answer = probe.keys[user].get("/api/v1/documents?limit=100")
    return document.name in answer.content.decode()


def by_page(probe: Probe, user: User, document: Document) -> bool:
    word = probe.world.words[document]
    return probe.page(user, f"/documents/{document.pk}", word)


def by_library(probe: Probe, user: User, document: Document) -> bool:
    return probe.page(user, "/documents", document.name)


# Each with how often it is tried: what takes milliseconds more often than a page.
DOORS: dict[Door, int] = {
    by_search: 12, by_search_of_its_collection: 12, by_id: 12, by_list: 12,
    by_collection: 12, by_floor: 12, by_count: 8, by_suggestion: 8, by_quote: 4,
    by_api: 4, by_api_text: 4, by_api_list: 2, by_api_search: 3, by_download: 3,
    by_pairs: 2, by_run: 4, by_all_rows: 6, by_ask: 1, by_page: 2, by_source_view: 2,
    by_library: 1,
}  # fmt: skip
# These are the filter itself: without it they have nothing to say.
FILTERS = (by_list, by_collection)


@pytest.fixture(autouse=True)
def _unlimited(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.REQUESTS_PER_MINUTE = 10**9
    # The key of somebody suspended is a wrong one.
    monkeypatch.setattr(credentials, "WRONG_KEYS_PER_MINUTE", 10**9)
    # A line for each of thousands of searches.
    logging.disable(logging.INFO)


@pytest.mark.parametrize("part", range(WORLDS))
def test_nobody_sees_what_is_not_theirs_and_everybody_what_is(
    part: int, model: ScriptedLLM
) -> None:
    print(f"\nrights: {probed(DOORS, PROBES // WORLDS)}")  # noqa: T201 - the figure


@pytest.mark.parametrize("part", range(WORLDS))
def test_without_the_filter_the_floor_keeps_every_door_shut(
    part: int, model: ScriptedLLM, no_filter: None
) -> None:
    doors = {door: often for door, often in DOORS.items() if door not in FILTERS}
    told = probed(doors, round(UNFILTERED * PROBES / WORLDS))
    print(f"\nrights without the filter: {told}")  # noqa: T201 - the figure


def probed(doors: dict[Door, int], probes: int) -> str:
    seed = int(os.environ.get("PLUMBLINE_SEED", "0")) or uuid4().int % 10**9
    chance = random.Random(seed)
    world = make_world(seed)
    probe = Probe(world)
    seen: Counter[tuple[str, bool]] = Counter()
    drawn = chance.choices([*doors], [*doors.values()], k=probes)
    for n, door in enumerate(drawn):
        if n % STEADY == 0:
            world.change()
        user, document = chance.choice(world.users), chance.choice(world.documents)
        expected = world.may_read(user, document)
        told = f"seed {seed}, probe {n}: {user} at {document.name} {door.__name__}"
        assert door(probe, user, document) is expected, told
        seen[door.__name__, expected] += 1
    # Every door that was tried often enough met people on both sides of it.
    often = [door.__name__ for door, count in Counter(drawn).items() if count >= 30]
    assert all(seen[name, side] for name in often for side in (True, False))
    foreign = sum(count for (_, is_theirs), count in seen.items() if not is_theirs)
    return f"{probes} probes, {foreign} of them foreign, seed {seed}, 0 leaks"
