from __future__ import annotations

import datetime as dt

import pytest
from django.utils import timezone

from rag_site import keys
from rag_site.asking import ALL_SCOPES
from rag_site.errors import NotFound, NotSignedIn, ValidationFailed
from rag_site.models import ApiKey, AuditEvent
from tests import factories
from tests.keyed import client_with, make_key

pytestmark = pytest.mark.django_db


def test_only_the_digest_is_kept() -> None:
    secret = make_key(factories.alice())
    row = ApiKey.objects.get()
    assert secret.startswith(f"{row.prefix}_")
    assert len(row.prefix) == len("plb_12345678")
    assert secret not in str(ApiKey.objects.values())
    assert len(secret.removeprefix(f"{row.prefix}_")) >= 43
    assert secret not in str(list(AuditEvent.objects.values()))


def test_a_key_stands_for_its_user_and_scopes() -> None:
    collection = factories.make_collection()
    secret = make_key(factories.alice(), scopes=["read"], collections=[collection.pk])
    asker = keys.asker_of_key(secret)
    assert asker.user_id == factories.alice().pk
    assert asker.scopes == {"read"}
    assert asker.key_collections == {collection.pk}
    assert asker.via == "api"


def test_a_limited_key_does_not_widen_when_its_collection_goes() -> None:
    collection = factories.make_collection()
    secret = make_key(factories.alice(), collections=[collection.pk])
    collection.delete()
    assert keys.asker_of_key(secret).key_collections == frozenset()


def test_the_last_use_is_written_once_a_minute() -> None:
    secret = make_key(factories.alice())
    keys.asker_of_key(secret)
    first = ApiKey.objects.get().last_used_at
    keys.asker_of_key(secret)
    assert ApiKey.objects.get().last_used_at == first
    ApiKey.objects.update(last_used_at=timezone.now() - dt.timedelta(minutes=2))
    keys.asker_of_key(secret)
    assert ApiKey.objects.get().last_used_at >= first


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"expires_at": dt.datetime(2020, 1, 1, tzinfo=dt.UTC)}, "key_expired"),
        ({"revoked_at": dt.datetime(2020, 1, 1, tzinfo=dt.UTC)}, "key_revoked"),
        ({"digest": "0" * 64}, "not_signed_in"),
    ],
)
def test_a_key_that_ended_opens_nothing(change: dict[str, object], code: str) -> None:
    secret = make_key(factories.alice())
    ApiKey.objects.update(**change)
    with pytest.raises(NotSignedIn) as caught:
        keys.asker_of_key(secret)
    assert caught.value.code == code


def test_the_key_of_a_suspended_person_is_refused_and_of_a_deleted_one_gone() -> None:
    alice = factories.alice()
    secret = make_key(alice)
    alice.is_active = False
    alice.save()
    with pytest.raises(keys.AccountSuspended):
        keys.asker_of_key(secret)
    alice.delete()
    with pytest.raises(NotSignedIn):
        keys.asker_of_key(secret)


@pytest.mark.parametrize(
    "wrong", ["", "plb", "plb_", "plb_x_y", "plb__" * 500, "a_b\x7f"]
)
def test_nonsense_is_no_key(wrong: str) -> None:
    with pytest.raises(NotSignedIn):
        keys.asker_of_key(wrong)


def test_revoking_twice_is_recorded_once() -> None:
    secret = make_key(factories.alice())
    key = ApiKey.objects.get()
    for _ in range(2):
        keys.revoke(key, asker=factories.asker(factories.alice()))
    assert AuditEvent.objects.filter(action="key.revoked").count() == 1
    answer = client_with(secret).get("/api/v1/collections")
    assert answer.json()["error"]["code"] == "key_revoked"


@pytest.mark.parametrize(
    "options",
    [
        {"name": ""},
        {"scopes": []},
        {"scopes": ["root"]},
        {"expires_at": timezone.now() - dt.timedelta(days=1)},
        {"expires_at": timezone.now() + dt.timedelta(days=400)},
    ],
)
def test_a_senseless_key_is_not_made(options: dict[str, object]) -> None:
    wanted = {
        "name": "x",
        "scopes": ALL_SCOPES,
        "expires_at": timezone.now() + dt.timedelta(days=1),
        **options,
    }
    with pytest.raises(ValidationFailed):
        keys.create_key(factories.alice(), **wanted)  # type: ignore[arg-type]


def test_a_key_cannot_be_limited_to_what_its_user_may_not_see() -> None:
    foreign = factories.make_collection(factories.bob())
    with pytest.raises(NotFound):
        make_key(factories.alice(), collections=[foreign.pk])


def test_ten_thousand_keys_share_nothing() -> None:
    # The prefix is random too: nothing of a key can be told from another's.
    made = {keys._new_secret() for _ in range(10_000)}
    assert len({secret for _, secret in made}) == 10_000
    assert len({prefix for prefix, _ in made}) == 10_000
