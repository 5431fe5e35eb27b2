import pytest

from web.http import access
from web.http.access import (
    KeyFileError,
    RateLimiter,
    client_name,
    read_keys,
    require_key,
    require_known_host,
    require_own_site,
)
from web.http.problems import ProblemError

KEYS = (b"one-key-of-sixteen-bytes", b"other-key-of-sixteen-bytes")
NAMES = ("localhost", "127.0.0.1", "::1")


def status_of(check, *arguments):
    """Status of the refusal, or None."""
    try:
        check(*arguments)
    except ProblemError as problem:
        return problem.status
    return None


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:8080", "127.0.0.1:1", "[::1]:8080"])
def test_known_hosts_are_accepted_with_any_port(host):
    assert status_of(require_known_host, host, NAMES) is None


@pytest.mark.parametrize(
    "host", ["evil.example", "localhost.evil.example", "evil.example:8080", "", None, "[::1", "@"]
)
def test_other_hosts_are_refused(host):
    assert status_of(require_known_host, host, NAMES) == 421
    assert status_of(require_known_host, host, ()) is None


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, None),  # curl
        ({"origin": "http://a:80"}, None),
        ({"origin": "https://a:80", "sec-fetch-site": "same-origin"}, None),  # behind TLS
        ({"sec-fetch-site": "none"}, None),
        ({"sec-fetch-site": "same-site"}, 403),
        ({"sec-fetch-site": "cross-site", "origin": "http://a:80"}, 403),
        ({"origin": "http://a:81"}, 403),
        ({"origin": "null"}, 403),
        ({"origin": ""}, 403),
        ({"origin": "http://[bad"}, 403),
        ({"host": "", "origin": "null"}, 403),
    ],
)
def test_only_own_pages_may_change_something(method, headers, status):
    assert status_of(require_own_site, method, {"host": "a:80", **headers}) == status


def test_other_pages_may_read():
    assert status_of(require_own_site, "GET", {"sec-fetch-site": "cross-site"}) is None


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"authorization": "Bearer one-key-of-sixteen-bytes"}, None),
        ({"authorization": "bearer  other-key-of-sixteen-bytes"}, None),
        ({"x-api-key": "other-key-of-sixteen-bytes"}, None),
        ({"x-api-key": "one-key-of-sixteen-bytes", "authorization": "Basic x"}, None),
        ({"authorization": "Bearer one-key"}, 401),
        ({"authorization": "one-key-of-sixteen-bytes"}, 401),
        ({"x-api-key": ""}, 401),
        ({"x-api-key": "clé"}, 401),
        ({}, 401),
    ],
)
def test_a_key_is_required_if_there_are_keys(headers, status):
    assert status_of(require_key, headers, KEYS) == status
    assert status_of(require_key, headers, ()) is None


def test_a_key_file_holds_a_key_a_line_and_comments(tmp_path):
    file = tmp_path / "keys"
    file.write_bytes(
        b"# ours\n\n  \t# an indented comment is no key\n"
        b"one-key-of-sixteen-bytes\r\n  other-key-of-sixteen-bytes\n"
    )
    assert read_keys(file) == KEYS


def test_a_short_key_is_refused_and_not_printed(tmp_path):
    file = tmp_path / "keys"
    file.write_text("secret\n")
    with pytest.raises(KeyFileError, match="16 bytes") as refused:
        read_keys(file)
    assert "secret" not in str(refused.value)


def test_a_bucket_gives_its_tokens_and_then_fills_evenly(clock):
    limiter = RateLimiter(6, clock)
    assert [limiter.take("a") for _ in range(6)] == [0] * 6
    assert limiter.take("a") == pytest.approx(10)

    clock.now_s += 4
    assert limiter.take("a") == pytest.approx(6)
    clock.now_s += 6
    assert limiter.take("a") == 0
    assert limiter.take("a") == pytest.approx(10)


@pytest.mark.parametrize("per_minute", [1, 7, 59, 60, 1000])
def test_a_bucket_holds_the_tokens_of_a_minute_at_most(per_minute, clock):
    limiter = RateLimiter(per_minute, clock)
    limiter.take("a")
    clock.now_s += 3600.1
    assert [limiter.take("a") for _ in range(per_minute)] == [0] * per_minute
    assert limiter.take("a") > 0


def test_clients_have_their_own_buckets(clock):
    limiter = RateLimiter(1, clock)
    assert limiter.take("a") == limiter.take("b") == 0
    assert limiter.take("a") > 0


def test_rate_0_is_unlimited(clock):
    limiter = RateLimiter(0, clock)
    assert {limiter.take("a") for _ in range(1000)} == {0}


def test_many_clients_do_not_fill_the_memory(clock, monkeypatch):
    monkeypatch.setattr(access, "MAX_CLIENTS", 10)
    limiter = RateLimiter(1, clock)
    for number in range(100):
        limiter.take(str(number))
    assert len(limiter._full_at_s) == 10
    clock.now_s += 61
    limiter.take("another")
    assert list(limiter._full_at_s) == ["another"]


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::9", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        (None, "unknown"),
        ("testclient", "unknown"),
    ],
)
def test_an_ipv6_network_counts_as_one_client(address, name):
    assert client_name(address) == name
