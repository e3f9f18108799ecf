from __future__ import annotations

from typing import Any

from django import forms
from django.conf import settings

from retrieval.golden_answers import MAX_WORDING_CHARS, MAX_WORDINGS


class GoldenAnswerForm(forms.Form):
    """A question, and what a right answer says or that there is none."""

    question = forms.CharField(max_length=settings.MAX_QUESTION_CHARS)
    accepted = forms.CharField(
        required=False,
        max_length=MAX_WORDINGS * MAX_WORDING_CHARS,
        label="Right answer",
        help_text="One wording a line; each of them is right.",
        widget=forms.Textarea(attrs={"rows": 3, "dir": "auto"}),
    )
    is_unanswerable = forms.BooleanField(
        required=False, label="The documents do not hold the answer"
    )

    def clean(self) -> dict[str, Any]:
        found = super().clean() or {}
        if bool(self.wordings()) == bool(found.get("is_unanswerable")):
            self.add_error(
                "accepted",
                "Either give a right answer, or say that the documents hold none.",
            )
        return found

    def wordings(self) -> list[str]:
        """Return the accepted wordings; none if the documents do not hold the answer."""
        lines = self.cleaned_data.get("accepted", "").splitlines()
        return [line.strip() for line in lines if line.strip()]


class ApproveForm(GoldenAnswerForm):
    """A golden answer from an answer in a chat."""

    collection = forms.UUIDField(widget=forms.Select)
    is_right = forms.BooleanField(
        required=False,
        label="The answer is right as it is written",
        help_text="It may then be exported with its passages, to tune a model with.",
    )


class ImportForm(forms.Form):
    lines = forms.FileField(label="JSON lines", allow_empty_file=False)


class RunForm(forms.Form):
    """What a run is held against, and which of its questions are shown."""

    against = forms.UUIDField(required=False)
    changed = forms.BooleanField(required=False)


class InboxForm(forms.Form):
    """Which questions of the inbox are shown, in which order."""

    STATES = (("open", "Open"), ("done", "Done"))
    ORDERS = (("newest", "Newest first"), ("frequent", "Most frequent first"))

    state = forms.ChoiceField(choices=STATES, required=False)
    order = forms.ChoiceField(choices=ORDERS, required=False)


class DoneForm(forms.Form):
    """Up to when a curator saw what they put away."""

    seen = forms.DateTimeField(required=False)
