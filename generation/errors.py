"""What can go wrong with an answer.

SchemaInvalid        the form of the answer that the caller wants
SchemaUnmet          the model did not keep to it
NothingToSearch      no collection that the asker may see
ContextTooLong       the question alone does not fit the model
ModelUnavailable     the model server does not answer
├── ModelBusy        its queue is full
│   └── ShareOfQueueTaken   of this person
└── ModelLost        it went away in mid-answer
"""

from __future__ import annotations

from rag_site.errors import Conflict, Unavailable, ValidationFailed


class SchemaInvalid(ValidationFailed):
    """The schema cannot be used. Send an object of JSON Schema."""

    code = "schema_invalid"


class SchemaUnmet(Unavailable):
    """The model gave no answer of this form, twice. Simplify the schema, or ask again."""

    code = "schema_unmet"


class NothingToSearch(Conflict):
    """There is no document to search yet. Add documents, or ask a manager to share some."""

    code = "nothing_to_search"


class ContextTooLong(ValidationFailed):
    """The question does not fit into the model's context. Shorten it."""

    code = "context_too_long"


class ModelUnavailable(Unavailable):
    """The model is not answering. It may be starting; try again in a moment."""

    code = "model_unavailable"


class ModelBusy(ModelUnavailable):
    """Too many questions are waiting. Try again in a moment."""

    code = "model_busy"


class ShareOfQueueTaken(ModelBusy):
    """As many of your questions are waiting as one person may have. Wait for one of them."""


class ModelLost(ModelUnavailable):
    """The model stopped in the middle of the answer. What it wrote is kept; try again."""

    code = "model_lost"
