"""Which requests are accepted: by host name, origin, API key and rate.

Every page in a browser can reach a service on loopback of its machine: a foreign page can send it
requests (CSRF), or point its own host name at 127.0.0.1 (DNS rebinding). The headers Sec-Fetch-Site
and Origin reveal the first, Host reveals the second.
"""

import hmac
import ipaddress
import time
from collections.abc import Callable, Iterable, Mapping
from hashlib import sha256
from pathlib import Path
from urllib.parse import unquote_to_bytes, urlsplit

from web.http.problems import ProblemError

SAFE_METHODS = ("GET", "HEAD", "OPTIONS")
MIN_KEY_BYTES = 16
MAX_CLIENTS = 10_000  # whose rate is remembered
_OWN_SITE = ("same-origin", "none")  # none: the user's own action, such as a bookmark
_BEARER = "bearer "
_MINUTE_S = 60.0
_ROUNDING_S = 1e-6
_IPV6_SITE_BITS = 64  # a site with one IPv6 address has 2**64 of them


class KeyFileError(ValueError):
    """The file of API keys cannot be used; the message is one sentence without a key."""


def require_known_host(host: str | None, allowed: Iterable[str]) -> None:
    """Refuse a request to a foreign host name, 421; without allowed names accept any."""
    names = {name.lower() for name in allowed}
    if names and _host_name(host or "") not in names:
        raise ProblemError(421, "the header Host names another site, expected one that is served")


def require_own_site(method: str, headers: Mapping[str, str]) -> None:
    """Refuse a change that a page of another site requests, 403."""
    if method in SAFE_METHODS:
        return
    site, origin = headers.get("sec-fetch-site"), headers.get("origin")
    host = headers.get("host", "").lower()
    own = origin is None or origin.lower() in (f"http://{host}", f"https://{host}")
    if not own or (site is not None and site not in _OWN_SITE):
        raise ProblemError(403, "a page of another site may not do this")


def require_utf8(address: bytes) -> None:
    """Refuse a path and query that do not decode to UTF-8, 400."""
    try:
        unquote_to_bytes(address).decode()
    except UnicodeDecodeError as error:
        raise ProblemError(400, "path or query is not UTF-8, expected text") from error


def require_key(headers: Mapping[str, str], keys: Iterable[bytes]) -> None:
    """Refuse a request without one of the keys, 401; without keys accept any."""
    known = [sha256(key).digest() for key in keys]
    if not known:
        return
    given = sha256(_given_key(headers)).digest()
    # Every key is compared, in constant time: the time taken reveals nothing.
    if not sum(hmac.compare_digest(given, key) for key in known):
        raise ProblemError(
            401,
            "expected an API key, as 'Authorization: Bearer KEY' or 'X-API-Key: KEY', "
            "or as 'key' in the first frame of a WebSocket",
            {"WWW-Authenticate": "Bearer"},
        )


def read_keys(file: Path) -> tuple[bytes, ...]:
    """Read API keys, one per line; blank lines and comments (`#`) are skipped.

    Raises
    ------
    KeyFileError
        If the file cannot be read, has no key, or has one that is easy to guess.
    """
    try:
        lines = [line.strip() for line in file.read_bytes().splitlines()]
    except OSError as error:
        raise KeyFileError(f"cannot read {file}: {error.strerror}") from error
    keys = tuple(line for line in lines if line and not line.startswith(b"#"))
    if not keys:
        raise KeyFileError(f"{file} has no key, expected one per line")
    if any(len(key) < MIN_KEY_BYTES for key in keys):
        raise KeyFileError(f"{file}: expected keys of at least {MIN_KEY_BYTES} bytes")
    return keys


def _given_key(headers: Mapping[str, str]) -> bytes:
    authorization = headers.get("authorization", "")
    if authorization.lower().startswith(_BEARER):
        return authorization[len(_BEARER) :].strip().encode("latin-1")
    return headers.get("x-api-key", "").encode("latin-1")


def _host_name(host: str) -> str:
    """Return the name in name:port; an IPv6 address loses its brackets."""
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""


class RateLimiter:
    """A token bucket per client, which holds the tokens of a minute and fills evenly.

    Of each bucket only the time is kept at which it will be full again.

    Parameters
    ----------
    per_minute
        Tokens per minute; 0: no limit.
    clock
        Monotonic seconds.
    """

    def __init__(self, per_minute: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._interval_s = _MINUTE_S / per_minute if per_minute else 0.0
        self._clock = clock
        self._full_at_s: dict[str, float] = {}  # in order of use

    def take(self, client: str) -> float:
        """Take a token; return the seconds until there is one, 0 if it was taken."""
        if not self._interval_s:
            return 0.0
        now_s = self._clock()
        full_at_s = max(self._full_at_s.pop(client, now_s), now_s)
        wait_s = full_at_s + self._interval_s - (now_s + _MINUTE_S)
        granted = wait_s < _ROUNDING_S
        self._full_at_s[client] = full_at_s + (self._interval_s if granted else 0.0)
        self._forget(now_s)
        return 0.0 if granted else wait_s

    def _forget(self, now_s: float) -> None:
        """Drop full buckets, and of too many the least recently used."""
        while self._full_at_s:
            client, full_at_s = next(iter(self._full_at_s.items()))
            if full_at_s > now_s and len(self._full_at_s) <= MAX_CLIENTS:
                return
            del self._full_at_s[client]


def client_name(address: str | None) -> str:
    """Name the client that is counted: an IPv4 address, or the network of an IPv6 address."""
    try:
        parsed = ipaddress.ip_address((address or "").partition("%")[0])
    except ValueError:
        return "unknown"
    if isinstance(parsed, ipaddress.IPv4Address):
        return str(parsed)
    if parsed.ipv4_mapped:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.ip_network((int(parsed), _IPV6_SITE_BITS), strict=False))
