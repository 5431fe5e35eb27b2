"""The values of ?format=."""

from enum import StrEnum

from formats import TOKENS

Token = StrEnum("Token", {token.upper(): token for token in TOKENS})  # type: ignore[misc]
