from __future__ import annotations

import datetime as dt
from typing import Any

from django import forms
from django.contrib.auth.forms import (
    AuthenticationForm,
    PasswordChangeForm,
    UserCreationForm,
)
from django.utils import timezone

from ingestion.models import Collection
from ingestion.visibility import collections_visible_to
from rag_site.addresses import current_address
from rag_site.asking import Asker
from rag_site.errors import RateLimited
from rag_site.limits import forget_failure, try_sign_in
from rag_site.models import User

SCOPES = (
    ("read", "Read: list and search documents"),
    ("ask", "Ask: put questions and read answers"),
    ("ingest", "Ingest: add and delete documents"),
    ("manage", "Manage: collections and members"),
)
LIFETIMES = ((30, "30 days"), (90, "90 days"), (180, "180 days"), (365, "A year"))


class SignInForm(AuthenticationForm):
    error_messages = {
        "invalid_login": "This user name and password do not match. Both are case-sensitive.",
        "inactive": "This account is suspended. Ask your administrator.",
    }

    def clean(self) -> dict[str, Any]:
        try:
            return super().clean()
        except RateLimited as problem:
            raise forms.ValidationError(problem.message, code=problem.code) from problem


class SetupForm(UserCreationForm):  # type: ignore[type-arg]  # not generic at run time
    """The first administrator and the first collection."""

    collection = forms.CharField(
        max_length=120,
        initial="Library",
        label="First collection",
        help_text="A shelf for documents. You can make more, and choose who reads each.",
    )
    sample = forms.BooleanField(
        required=False, initial=True, label="Add a short sample document to try it with"
    )

    class Meta:
        model = User
        fields = ("username",)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["username"].help_text = "Letters, digits and @ . + - _ only."
        self.fields[
            "password1"
        ].help_text = "At least 8 characters, not only digits, and not a common one."
        self.fields["password2"].help_text = ""
        self.fields["password2"].label = "Password again"


class ThemeForm(forms.ModelForm):  # type: ignore[type-arg]  # not generic at run time
    class Meta:
        model = User
        fields = ("theme",)
        widgets = {"theme": forms.RadioSelect}


class PasswordForm(PasswordChangeForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["old_password"].widget.attrs.pop("autofocus", None)
        self.fields[
            "new_password1"
        ].help_text = "At least 8 characters, not only digits, and not a common one."
        self.fields["new_password2"].help_text = ""

    def clean_old_password(self) -> str:
        """Whoever sits at an open browser guesses as seldom as at the door."""
        try:
            tried = try_sign_in(self.user.get_username(), current_address())
        except RateLimited as problem:
            raise forms.ValidationError(problem.message, code=problem.code) from problem
        found: str = super().clean_old_password()
        forget_failure(tried)
        return found


class SeeAsForm(forms.Form):
    person = forms.ModelChoiceField(
        queryset=User.objects.order_by("username"),
        to_field_name="username",
        empty_label="Choose",
    )
    question = forms.CharField(
        required=False,
        max_length=500,
        help_text="Shows which documents and pages a search of theirs would find.",
    )


class KeyForm(forms.Form):
    name = forms.CharField(
        max_length=100, help_text="What it is for, such as “nightly import”."
    )
    scopes = forms.MultipleChoiceField(
        choices=SCOPES,
        widget=forms.CheckboxSelectMultiple,
        initial=["read", "ask"],
        label="It may",
    )
    collections = forms.ModelMultipleChoiceField(
        queryset=Collection.objects.none(),
        required=False,
        widget=forms.CheckboxSelectMultiple,
        label="Only in these collections",
        help_text="None ticked: every collection that you may see.",
    )
    days = forms.TypedChoiceField(
        choices=LIFETIMES, coerce=int, initial=90, label="It expires after"
    )

    def __init__(self, *args: Any, asker: Asker, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        chosen: Any = self.fields["collections"]
        chosen.queryset = collections_visible_to(asker)

    @property
    def expires_at(self) -> dt.datetime:
        return timezone.now() + dt.timedelta(days=self.cleaned_data["days"])
