from __future__ import annotations

from typing import Any, cast

from django import forms
from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group

from ingestion.masking_models import Masking
from ingestion.models import Collection, Document, Role
from ingestion.tagging import MAX_TAG_CHARS, TagInvalid, clean
from rag_site.adapters import adapter_files

# The text-search configurations that Postgres ships, without the rare ones.
LANGUAGES = (
    ("simple", "Any language, exact words"),
    ("arabic", "Arabic"),
    ("danish", "Danish"),
    ("dutch", "Dutch"),
    ("english", "English"),
    ("finnish", "Finnish"),
    ("french", "French"),
    ("german", "German"),
    ("greek", "Greek"),
    ("hungarian", "Hungarian"),
    ("italian", "Italian"),
    ("norwegian", "Norwegian"),
    ("portuguese", "Portuguese"),
    ("romanian", "Romanian"),
    ("russian", "Russian"),
    ("spanish", "Spanish"),
    ("swedish", "Swedish"),
    ("turkish", "Turkish"),
)


class CollectionForm(forms.Form):
    name = forms.CharField(max_length=120, strip=True)
    description = forms.CharField(
        max_length=2000,
        required=False,
        widget=forms.Textarea(attrs={"rows": 2, "dir": "auto"}),
        help_text="One sentence for the people who search here.",
    )
    visibility = forms.ChoiceField(
        choices=Collection.Visibility.choices,
        initial=Collection.Visibility.MEMBERS,
        label="Who can read it",
    )
    language = forms.ChoiceField(
        choices=LANGUAGES,
        initial="english",
        help_text="Word forms of this language are found together: run, running, ran.",
    )
    masking = forms.ChoiceField(
        choices=Masking.choices,
        initial=Masking.OFF,
        label="Numbers and addresses of people",
        help_text="Cards, bank accounts, national ids, e-mail, phones, IP addresses "
        "and keys. Masked documents have no page pictures, and only managers may "
        "have their files.",
        required=False,
    )

    def clean_masking(self) -> str:
        """Left out, the setting stays as it is."""
        before = self.initial.get("masking", Masking.OFF.value)
        return str(self.cleaned_data["masking"] or before)


class CollectionSettingsForm(CollectionForm):
    """Of a collection that is there: also the adapter that answers over it."""

    adapter = forms.ChoiceField(
        required=False,
        label="Adapter of the model",
        help_text="Questions over this collection alone, or over others that name "
        "the same, are answered by the model with this adapter.",
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        names = list(adapter_files(settings.VAR_DIR / "adapters"))
        chosen = self.initial.get("adapter", "")
        if not names and not chosen:
            del self.fields["adapter"]
            return
        choices = [("", "None"), *((name, name) for name in names)]
        if chosen not in ("", *names):
            choices.append((chosen, f"{chosen} (no longer on this machine)"))
        cast("forms.ChoiceField", self.fields["adapter"]).choices = choices

    def clean_adapter(self) -> str:
        """Left out, the adapter stays as it is; chosen empty, there is none."""
        if self.add_prefix("adapter") not in self.data:
            return str(self.initial.get("adapter", ""))
        return str(self.cleaned_data["adapter"])


class ShareForm(forms.Form):
    """Exactly one of a user and a group, by name."""

    user = forms.CharField(max_length=150, required=False, label="User name")
    group = forms.CharField(max_length=150, required=False, label="or group name")

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or {}
        user, group = data.get("user", "").strip(), data.get("group", "").strip()
        if bool(user) == bool(group):
            raise forms.ValidationError(
                "Type a user name or a group name, one of them."
            )
        if user:
            data["user"] = get_user_model().objects.filter(username=user).first()
            if data["user"] is None:
                self.add_error("user", "There is no user of this name.")
            data["group"] = None
        else:
            data["group"] = Group.objects.filter(name=group).first()
            if data["group"] is None:
                self.add_error("group", "There is no group of this name.")
            data["user"] = None
        return data


class MemberForm(ShareForm):
    """Add or change one member."""

    role = forms.ChoiceField(choices=Role.choices, initial=Role.READER)


class TagsForm(forms.Form):
    """The tags of a document, with commas between."""

    tags = forms.CharField(
        max_length=1000,
        required=False,
        strip=True,
        help_text="With commas between: travel, 2025. Search with tag:travel.",
    )

    def clean_tags(self) -> list[str]:
        parts = self.cleaned_data["tags"].split(",")
        try:
            return clean(part for part in parts if part.strip())
        except TagInvalid as exc:
            raise forms.ValidationError(exc.message) from exc


class LibraryFilter(forms.Form):
    """What the table shows; a value that is not offered is dropped."""

    SORTS = ("name", "-name", "state", "-state", "created_at", "-created_at")

    q = forms.CharField(max_length=200, required=False, strip=True)
    collection = forms.UUIDField(required=False)
    tag = forms.CharField(max_length=MAX_TAG_CHARS, required=False, strip=True)
    state = forms.ChoiceField(
        required=False,
        choices=(
            ("", "All states"),
            ("busy", "In progress"),
            (Document.State.READY.value, "Ready"),
            ("trouble", "Failed"),
        ),
    )
    sort = forms.ChoiceField(required=False, choices=[(name, name) for name in SORTS])
    page = forms.IntegerField(required=False, min_value=1)

    @property
    def chosen(self) -> dict[str, Any]:
        self.is_valid()
        return {name: self.cleaned_data.get(name) for name in self.fields}
