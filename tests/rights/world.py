"""A random world of people, groups, collections and documents, kept twice.

Once in the database and once in plain sets, from which ``may_read`` tells who may
read what. It shares no line with the code that it judges.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field

from django.contrib.auth.models import Group

from ingestion.models import Collection, Document, Membership
from ingestion.share_models import Share
from rag_site.models import User
from tests.factories import make_collection, make_ready_document, make_user
from tests.fakes import HashEmbedder

USERS, GROUPS, COLLECTIONS, DOCUMENTS = 8, 3, 7, 3


@dataclass
class World:
    """Everything by its primary key; ``words`` are a word of each document alone."""

    chance: random.Random
    users: list[User] = field(default_factory=list)
    groups: list[Group] = field(default_factory=list)
    collections: list[Collection] = field(default_factory=list)
    documents: list[Document] = field(default_factory=list)
    words: dict[Document, str] = field(default_factory=dict)
    home: dict[Document, Collection] = field(default_factory=dict)
    owner: dict[Collection, User] = field(default_factory=dict)
    suspended: set[User] = field(default_factory=set)
    open_to_all: set[Collection] = field(default_factory=set)
    in_group: set[tuple[User, Group]] = field(default_factory=set)
    members: set[tuple[Collection, User | Group]] = field(default_factory=set)
    shares: set[tuple[Document, User | Group]] = field(default_factory=set)

    def may_read(self, user: User, document: Document) -> bool:
        if user in self.suspended:
            return False
        return self.may_enter(user, self.home[document]) or any(
            (document, who) in self.shares for who in self._faces(user)
        )

    def may_enter(self, user: User, collection: Collection) -> bool:
        if user in self.suspended:
            return False
        return (
            self.owner[collection] == user
            or collection in self.open_to_all
            or any((collection, who) in self.members for who in self._faces(user))
        )

    def _faces(self, user: User) -> list[User | Group]:
        """Return the user and the groups that the user is in."""
        groups = [group for group in self.groups if (user, group) in self.in_group]
        return [user, *groups]

    def change(self) -> None:
        """Change one right at random, in both places."""
        self.chance.choice(
            [
                *(self._toggle_member, self._toggle_group, self._toggle_share),
                *(self._open, self._suspend),
            ]
        )()

    def _toggle_member(self) -> None:
        collection = self.chance.choice(self.collections)
        who = self.chance.choice([*self.users, *self.groups])
        if who == self.owner[collection]:
            return
        column = "user" if isinstance(who, User) else "group"
        if (collection, who) in self.members:
            self.members.remove((collection, who))
            Membership.objects.filter(collection=collection, **{column: who}).delete()
        else:
            self.members.add((collection, who))
            Membership.objects.create(collection=collection, **{column: who})

    def _toggle_share(self) -> None:
        document = self.chance.choice(self.documents)
        who = self.chance.choice([*self.users, *self.groups])
        column = "user" if isinstance(who, User) else "group"
        if (document, who) in self.shares:
            self.shares.remove((document, who))
            Share.objects.filter(document=document, **{column: who}).delete()
        else:
            self.shares.add((document, who))
            Share.objects.create(document=document, **{column: who})

    def _toggle_group(self) -> None:
        pair = self.chance.choice(self.users), self.chance.choice(self.groups)
        user, group = pair
        if pair in self.in_group:
            self.in_group.remove(pair)
            user.groups.remove(group)
        else:
            self.in_group.add(pair)
            user.groups.add(group)

    def _open(self) -> None:
        collection = self.chance.choice(self.collections)
        self.open_to_all ^= {collection}
        shown = "everyone" if collection in self.open_to_all else "members"
        Collection.objects.filter(pk=collection.pk).update(visibility=shown)

    def _suspend(self) -> None:
        user = self.chance.choice(self.users)
        self.suspended ^= {user}
        User.objects.filter(pk=user.pk).update(is_active=user not in self.suspended)


def make_world(seed: int) -> World:
    world = World(random.Random(seed))
    world.users = [make_user(f"user{n}") for n in range(USERS)]
    world.groups = [Group.objects.create(name=f"group{n}") for n in range(GROUPS)]
    embedder = HashEmbedder()
    for n in range(COLLECTIONS):
        owner = world.chance.choice(world.users)
        collection = make_collection(owner, f"collection{n}")
        world.collections.append(collection)
        world.owner[collection] = owner
        for m in range(DOCUMENTS):
            word = f"zq{n}x{m}"
            text = f"The secret of this document is {word} and nothing else."
            document = make_ready_document(
                collection, f"{word}.txt", [text], embedder=embedder
            )
            world.documents.append(document)
            world.words[document] = word
            world.home[document] = collection
    for _ in range(30):
        world.change()
    return world
