"""Models that read two texts together, from a folder, without any hub."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rag_site.errors import Unavailable

if TYPE_CHECKING:
    from sentence_transformers import CrossEncoder

WEIGHTS_FILE = "model.safetensors"


def holds_weights(folder: Path) -> bool:
    """Whether a model can be in ``folder``; nothing is loaded."""
    return (folder / WEIGHTS_FILE).is_file()


def load_cross_encoder(
    folder: Path, unavailable: type[Unavailable], **options: Any
) -> CrossEncoder:
    """Return the model in ``folder``.

    Args:
        options: of CrossEncoder, beside those that keep it to this folder.

    Raises:
        Unavailable: an ``unavailable``, where the folder holds no such model.
    """
    # Before the import: the hub client reads them once.
    os.environ["HF_HUB_OFFLINE"] = os.environ["TRANSFORMERS_OFFLINE"] = "1"
    from sentence_transformers import CrossEncoder

    try:
        model: CrossEncoder = CrossEncoder(
            str(folder),
            trust_remote_code=False,
            local_files_only=True,
            model_kwargs={"use_safetensors": True},
            **options,
        )
    except (OSError, ValueError) as exc:
        raise unavailable(
            f"The folder {folder} holds no cross-encoder that can be loaded."
        ) from exc
    return model
