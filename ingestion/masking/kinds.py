"""What can be masked. The value of a kind is what a reader sees in its place."""

from __future__ import annotations

from enum import StrEnum


class Kind(StrEnum):
    EMAIL = "e-mail"
    CARD = "card"
    IBAN = "IBAN"
    NATIONAL_ID = "national id"
    LICENCE = "driving licence"
    PHONE = "phone"
    IP = "IP address"
    KEY = "key"
    DOMAIN = "domain"
    POSTCODE = "postcode"

    @property
    def label(self) -> str:
        return f"[{self.value}]"


ALL = frozenset(Kind)
# Documents name web sites and places on nearly every page, mostly of nobody.
USUAL = ALL - {Kind.DOMAIN, Kind.POSTCODE}
