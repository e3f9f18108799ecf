"""What may be wrong with a model file (a leaf)."""

from __future__ import annotations

from rag_site.errors import InvalidInput, Unavailable


class UnknownWeights(InvalidInput):
    """The catalogue has no model of this name. `manage.py models list` shows all."""

    code = "unknown_model"


class WeightsMissing(Unavailable):
    """A model file is not here. Fetch it with `manage.py models fetch NAME`."""

    code = "model_missing"


class NotDerived(WeightsMissing):
    """A model that is made on this machine is not made. Run `manage.py models derive NAME`."""


class WeightsDamaged(Unavailable):
    """A model file does not have the digest of the catalogue. Fetch it again."""

    code = "model_damaged"


class NoDigest(Unavailable):
    """The digest of this model is not known, so it cannot be checked."""

    code = "model_unverifiable"


class FolderClosed(Unavailable):
    """The folder of the model files cannot be written."""

    code = "weights_folder_closed"


class DiskFull(Unavailable):
    """There is not enough room on the disk for this model."""

    code = "disk_full"
