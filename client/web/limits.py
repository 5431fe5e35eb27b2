"""How often one client may come: token buckets, one per client."""

import ipaddress
import time
from collections.abc import Callable

MOST_CLIENTS = 10_000  # full buckets are forgotten before there are more
_V6_SITE_BITS = 64  # whoever has one IPv6 address has 2**64 of them
_UNKNOWN = "unknown"


class TokenBuckets:
    """Every client has a bucket that fills evenly and gives a token for each request.

    Parameters
    ----------
    per_minute : int
        Tokens that come in a minute; a full bucket holds as many. 0: no limit.
    clock : Callable[[], float]
        Seconds that only go forward.
    """

    def __init__(self, per_minute: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._size = float(per_minute)
        self._per_s = per_minute / 60
        self._clock = clock
        self._buckets: dict[str, tuple[float, float]] = {}  # tokens at a time, in order of use

    def take(self, client: str) -> float:
        """Take a token; seconds until there is one, 0 where it was there."""
        if not self._size:
            return 0.0
        now_s = self._clock()
        tokens, then_s = self._buckets.pop(client, (self._size, now_s))
        tokens = min(self._size, tokens + (now_s - then_s) * self._per_s)
        granted = tokens >= 1
        self._buckets[client] = (tokens - granted, now_s)
        self._forget(now_s)
        return 0.0 if granted else (1 - tokens) / self._per_s

    def _forget(self, now_s: float) -> None:
        """Drop buckets that are full again; where all are in use, the one longest unused."""
        while self._buckets:
            client, (tokens, then_s) = next(iter(self._buckets.items()))
            full = tokens + (now_s - then_s) * self._per_s >= self._size
            if not full and len(self._buckets) <= MOST_CLIENTS:
                return
            del self._buckets[client]


def client_name(address: str | None) -> str:
    """Name who is counted as one: an IPv4 address, the network of an IPv6 address."""
    try:
        parsed = ipaddress.ip_address((address or "").partition("%")[0])
    except ValueError:
        return _UNKNOWN
    if isinstance(parsed, ipaddress.IPv4Address):
        return str(parsed)
    if parsed.ipv4_mapped:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.ip_network((int(parsed), _V6_SITE_BITS), strict=False))
