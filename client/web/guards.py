"""Who is let in: by the name it is called, by the page that asks, and by key.

A service on loopback is open to every page in the browser of its machine: a foreign page can send
requests there (CSRF), or let its own name point to 127.0.0.1 (DNS rebinding). The first is told by
the headers Sec-Fetch-Site and Origin, the second by Host.
"""

import hmac
from collections.abc import Iterable, Mapping
from hashlib import sha256
from pathlib import Path
from urllib.parse import unquote_to_bytes, urlsplit

from web.problems import ProblemError

SAFE_METHODS = ("GET", "HEAD", "OPTIONS")
LEAST_KEY_BYTES = 16
_OWN_SITE = ("same-origin", "none")  # none: the user's own doing, such as a bookmark
_BEARER = "bearer "


class KeyFileError(ValueError):
    """The file of API keys cannot be used; the message is one sentence without a key."""


def refuse_wrong_host(host: str | None, allowed: Iterable[str]) -> None:
    """Refuse a call by a name that is not ours; 421. Nothing is refused where none is given."""
    names = {name.lower() for name in allowed}
    if names and _name(host or "") not in names:
        raise ProblemError(421, "the header Host names another site, expected one that is served")


def refuse_foreign_page(method: str, headers: Mapping[str, str]) -> None:
    """Refuse what a page of another site wants to change here; 403."""
    if method in SAFE_METHODS:
        return
    site, origin = headers.get("sec-fetch-site"), headers.get("origin")
    host = headers.get("host", "").lower()
    own = origin is None or origin.lower() in (f"http://{host}", f"https://{host}")
    if not own or (site is not None and site not in _OWN_SITE):
        raise ProblemError(403, "a page of another site may not do this")


def refuse_no_text(address: bytes) -> None:
    """Refuse a path and query whose escapes are no UTF-8; 400."""
    try:
        unquote_to_bytes(address).decode()
    except UnicodeDecodeError as error:
        raise ProblemError(400, "path or query is no UTF-8, expected text") from error


def refuse_without_key(headers: Mapping[str, str], keys: Iterable[bytes]) -> None:
    """Refuse a request without one of the keys, 401; all are let in where there is no key."""
    known = [sha256(key).digest() for key in keys]
    if not known:
        return
    given = sha256(_given_key(headers)).digest()
    # Every key is compared, in constant time: how long it takes tells nothing.
    if not sum(hmac.compare_digest(given, key) for key in known):
        raise ProblemError(
            401,
            "expected an API key, as 'Authorization: Bearer KEY' or 'X-API-Key: KEY'",
            {"WWW-Authenticate": "Bearer"},
        )


def keys_in(file: Path) -> tuple[bytes, ...]:
    """Read API keys, one a line; blank lines and those that start with # are skipped.

    Raises
    ------
    KeyFileError
        If the file cannot be read, holds no key, or one that is easy to guess.
    """
    try:
        lines = file.read_bytes().splitlines()
    except OSError as error:
        raise KeyFileError(f"cannot read {file}: {error.strerror}") from error
    keys = tuple(line.strip() for line in lines if line.strip() and not line.startswith(b"#"))
    if not keys:
        raise KeyFileError(f"{file} holds no key, expected one a line")
    if any(len(key) < LEAST_KEY_BYTES for key in keys):
        raise KeyFileError(f"{file}: expected keys of at least {LEAST_KEY_BYTES} bytes")
    return keys


def _given_key(headers: Mapping[str, str]) -> bytes:
    authorization = headers.get("authorization", "")
    if authorization.lower().startswith(_BEARER):
        return authorization[len(_BEARER) :].strip().encode("latin-1")
    return headers.get("x-api-key", "").encode("latin-1")


def _name(host: str) -> str:
    """Take the name out of name:port; an IPv6 address loses its brackets."""
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""
