from __future__ import annotations

from django import forms

from generation.models import Feedback


class FeedbackForm(forms.Form):
    """A thumb, and for a thumb down what was wrong."""

    REASONS = (
        ("", "No reason"),
        ("wrong", "It is wrong"),
        ("not_in_source", "The source does not say this"),
        ("incomplete", "Something is missing"),
        ("should_refuse", "It should have said that it does not know"),
        ("should_answer", "The documents do hold the answer"),
        ("unclear", "It is hard to understand"),
    )

    rating = forms.ChoiceField(choices=Feedback.Rating.choices)
    reason = forms.ChoiceField(
        choices=REASONS,
        required=False,
        widget=forms.RadioSelect,
        label="What is wrong?",
    )
    comment = forms.CharField(
        max_length=2000,
        required=False,
        label="Tell us more",
        widget=forms.Textarea(attrs={"rows": 2, "dir": "auto"}),
    )


class RenameForm(forms.Form):
    title = forms.CharField(max_length=200, strip=True)
