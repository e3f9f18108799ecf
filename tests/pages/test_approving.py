"""An answer of a curator's own as golden: whose, with which filters, where."""

from __future__ import annotations

from uuid import UUID

import pytest
from django.urls import reverse

from generation.curating.models import Approval
from ingestion.models import Collection, Role
from retrieval.models import GoldenAnswer
from tests.factories import bob, make_collection, make_user
from tests.pages.test_curating import (
    ANSWERED,
    ClientOf,
    groups,
    make_answer,
    post,
    shared,  # noqa: F401 - pytest finds it here
)

pytestmark = pytest.mark.django_db


def test_staff_who_may_read_save_their_own_answer(
    shared: Collection,  # noqa: F811
    client_of: ClientOf,
) -> None:
    staff = make_user("sam", is_staff=True)
    shared.memberships.create(user=staff, role=Role.READER)
    answer = make_answer(staff, shared, "What does the pump cost?")
    client = client_of(staff)
    (group,) = groups(client, shared)
    assert group.own_answer == answer.pk
    address = reverse("approve_answer", args=[answer.pk])
    assert client.get(address).status_code == 200
    assert (
        address
        in client.get(reverse("chat", args=[answer.conversation_id])).content.decode()
    )
    kept = {"question": "q", "is_unanswerable": "on", "collection": shared.pk}
    assert client.post(address, kept).status_code == 302
    foreign = make_answer(staff, make_collection(name="Other"), "And that?")
    closed = reverse("approve_answer", args=[foreign.pk])
    assert client.get(closed).status_code == 404


@pytest.mark.parametrize(
    ("asked", "standalone", "beside", "kept"),
    [
        ("How many?", "", {}, "How many?"),
        ("How many? type:pdf", "How many?", {}, "How many? type:pdf"),
        (
            'And file:"annual report" litres?',
            "How many litres?",
            {"tags": ["travel"], "after": "2025-01-31"},
            'How many litres? file:"annual report" tag:travel after:2025-01-31',
        ),
    ],
)
def test_filters_go_with_the_question(
    shared: Collection,  # noqa: F811
    client_of: ClientOf,
    asked: str,
    standalone: str,
    beside: dict[str, object],
    kept: str,
) -> None:
    parameters = {"filters": beside} if beside else {}
    answer = make_answer(
        bob(), shared, asked, standalone_question=standalone, parameters=parameters
    )
    page = client_of(bob()).get(reverse("approve_answer", args=[answer.pk]))
    assert page.context["form"].initial["question"] == kept


def test_an_approval_goes_only_where_it_was_given(
    shared: Collection,  # noqa: F811
    client_of: ClientOf,
) -> None:
    other = make_collection(bob(), "Other")
    asked_of = [str(shared.pk), str(other.pk)]
    answer = make_answer(bob(), shared, "How?", **ANSWERED, asked_of=asked_of)
    client = client_of(bob())

    def save(pk: UUID, **data: str) -> None:
        kept = {"question": "How?", "accepted": "40 litres", "collection": pk}
        post(client, "approve_answer", answer.pk, **kept, **data)

    save(shared.pk, is_right="on")
    save(other.pk)
    assert Approval.objects.get().collection == shared
    assert GoldenAnswer.objects.count() == 2
    save(shared.pk)
    assert not Approval.objects.exists()
