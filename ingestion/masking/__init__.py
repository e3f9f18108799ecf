"""Numbers and addresses of people in text: found by rules, replaced by labels.

Pure. Every pattern runs on RE2, in time linear in the text; candidates must pass
their check digits or stand beside a word that says what they are. Names and
places have no pattern and are not looked for.
"""

from ingestion.masking.finding import Finder, Found, find
from ingestion.masking.kinds import ALL, USUAL, Kind
from ingestion.masking.replacing import Masked, StreamMasker, mask, masked

__all__ = [
    "ALL",
    "USUAL",
    "Finder",
    "Found",
    "Kind",
    "Masked",
    "StreamMasker",
    "find",
    "mask",
    "masked",
]
