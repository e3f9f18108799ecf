from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django import forms
from django.conf import settings
from django.http import QueryDict
from django.urls import reverse_lazy

from ingestion.languages import EXACT
from retrieval.filters import (
    CODES,
    MAX_VALUE_CHARS,
    FilterInvalid,
    Filters,
    make,
    values_of,
)
from retrieval.types import DENSE_WEIGHT, RetrievalConfig

_MAX_HITS = 20


class ConfigForm(forms.Form):
    """One configuration of a search; what is left out is the site's own."""

    method = forms.ChoiceField(
        choices=(
            ("hybrid", "Both, fused"),
            ("dense", "Meaning alone (dense)"),
            ("lexical", "Words alone (BM25)"),
        ),
        required=False,
        label="Ranking",
    )
    fusion = forms.ChoiceField(
        choices=(("scores", "of scores"), ("ranks", "of ranks")),
        required=False,
        label="Fusion",
    )
    weight = forms.FloatField(
        min_value=0, max_value=1, required=False, label="Weight of meaning, 0 to 1"
    )
    k = forms.IntegerField(
        min_value=1, max_value=_MAX_HITS, required=False, label="Hits"
    )
    candidates = forms.IntegerField(
        min_value=10, max_value=1000, required=False, label="Candidates"
    )
    rerank = forms.BooleanField(required=False, label="Rerank")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not settings.RERANKER:
            del self.fields["rerank"]
        for name, value in self.defaults().items():
            self.fields[name].initial = value
        for name, step in (("weight", "0.01"), ("k", "1"), ("candidates", "1")):
            self.fields[name].widget.attrs["step"] = step

    @staticmethod
    def defaults() -> dict[str, Any]:
        return {
            "method": "hybrid",
            "fusion": "scores",
            "weight": DENSE_WEIGHT,
            "k": 8,
            "candidates": settings.CANDIDATES,
        }

    @property
    def chosen(self) -> dict[str, Any]:
        """Return the values of a valid form, the site's where none was given."""
        given = {
            name: value
            for name, value in self.cleaned_data.items()
            if value not in (None, "")
        }
        return self.defaults() | given

    def config(self) -> RetrievalConfig:
        chosen = self.chosen
        return RetrievalConfig(
            method=chosen["method"],
            fusion=chosen["fusion"],
            dense_weight=chosen["weight"],
            k=chosen["k"],
            candidates=max(chosen["candidates"], chosen["k"]),
            exact_scan_chunks=settings.EXACT_SCAN_CHUNKS,
            walk_cost=settings.WALK_COST,
            ef_search=settings.HNSW_EF_SEARCH,
            rerank=settings.RERANK if chosen.get("rerank") else 0,
        )


_ANY = ("", "Any")
_KINDS = {
    "pdf": "PDF", "word": "Word and similar", "excel": "Tables",
    "powerpoint": "Presentations", "text": "Plain text and Markdown", "html": "Web pages",
    "mail": "Mail", "picture": "Pictures", "epub": "Books (EPUB)", "json": "JSON",
    "zip": "Archives",
}  # fmt: skip


_FETCHED = {
    "hx-get": reverse_lazy("filter_tags"),
    "hx-trigger": "toggle from:closest details once",
    "hx-swap": "outerHTML",
}


class FilterForm(forms.Form):
    """Which documents are searched, chosen beside the question; nothing means all."""

    prefix = "only"

    file = forms.CharField(
        max_length=MAX_VALUE_CHARS, required=False, label="Name or folder holds"
    )
    type = forms.ChoiceField(choices=(_ANY, *_KINDS.items()), required=False)
    tag = forms.CharField(required=False)
    after = forms.DateField(required=False, label="Added on or after")
    before = forms.DateField(required=False, label="Added before")
    lang = forms.ChoiceField(
        choices=(
            _ANY,
            *((code, name.title()) for name, code in sorted(CODES.items())),
            (EXACT, "Any other"),
        ),
        required=False,
        label="Language",
    )

    def __init__(
        self,
        data: QueryDict | None = None,
        *,
        tags: Sequence[str] | None = None,
        chosen: Filters | None = None,
    ) -> None:
        """Show ``chosen``, the first of its values each.

        Args:
            tags: to choose from; without them the page fetches them when the choice
                is opened, for listing those of a large library takes a while.
        """
        given = values_of(chosen) if chosen else {}
        initial = {name: values[0] for name, values in given.items()}
        super().__init__(data, initial=initial)
        self._sent = data or QueryDict()
        listed = dict.fromkeys([*given.get("tag", ()), *(tags or ())])
        self.fields["tag"].widget = forms.Select(
            choices=[_ANY, *((tag, tag) for tag in listed)],
            attrs=_FETCHED if tags is None else {},
        )
        for name in ("after", "before"):
            self.fields[name].widget = forms.DateInput(attrs={"type": "date"})
        self.chosen = len(initial)

    def filters(self) -> Filters:
        """Return what was sent; several values of one filter mean either.

        Raises FilterInvalid.
        """
        if not self.is_valid():
            name, errors = next(iter(self.errors.items()))
            label = self.fields[name].label or name.capitalize()
            raise FilterInvalid(f"{label}: {errors[0]}", detail={"filter": name})
        sent = {name: self._sent.getlist(self.add_prefix(name)) for name in self.fields}
        given = self.cleaned_data.items()
        # A field knows the last value that was sent; ``make`` checks the others.
        return make({name: [*sent[name][:-1], str(v)] for name, v in given if v})


class QuestionForm(forms.Form):
    q = forms.CharField(
        max_length=settings.MAX_QUESTION_CHARS, required=False, label="Question"
    )
    compare = forms.BooleanField(
        required=False, label="Compare with a second configuration"
    )


class SaveForm(forms.Form):
    q = forms.CharField(max_length=settings.MAX_QUESTION_CHARS)
    chunk = forms.IntegerField(min_value=1)
