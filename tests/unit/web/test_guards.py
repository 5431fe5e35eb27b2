import pytest

from web.guards import (
    KeyFileError,
    keys_in,
    refuse_foreign_page,
    refuse_without_key,
    refuse_wrong_host,
)
from web.problems import ProblemError

KEYS = (b"one-key-of-sixteen-bytes", b"other-key-of-sixteen-bytes")
NAMES = ("localhost", "127.0.0.1", "::1")


def status_of(refuse, *arguments):
    """Status of the refusal, or None."""
    try:
        refuse(*arguments)
    except ProblemError as problem:
        return problem.status
    return None


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:8080", "127.0.0.1:1", "[::1]:8080"])
def test_our_names_are_served_with_any_port(host):
    assert status_of(refuse_wrong_host, host, NAMES) is None


@pytest.mark.parametrize(
    "host", ["evil.example", "localhost.evil.example", "evil.example:8080", "", None, "[::1", "@"]
)
def test_other_names_are_not(host):
    assert status_of(refuse_wrong_host, host, NAMES) == 421
    assert status_of(refuse_wrong_host, host, ()) is None


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
def test_only_our_own_pages_change_something(method, headers, status):
    assert status_of(refuse_foreign_page, method, {"host": "a:80", **headers}) == status


def test_reading_is_no_change():
    assert status_of(refuse_foreign_page, "GET", {"sec-fetch-site": "cross-site"}) is None


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
def test_a_key_is_needed_where_there_are_some(headers, status):
    assert status_of(refuse_without_key, headers, KEYS) == status
    assert status_of(refuse_without_key, headers, ()) is None


def test_a_file_holds_a_key_a_line(tmp_path):
    file = tmp_path / "keys"
    file.write_bytes(b"# ours\n\none-key-of-sixteen-bytes\r\n  other-key-of-sixteen-bytes\n")
    assert keys_in(file) == KEYS


def test_a_key_that_is_easy_to_guess_is_refused_and_not_told(tmp_path):
    file = tmp_path / "keys"
    file.write_text("secret\n")
    with pytest.raises(KeyFileError, match="16 bytes") as refused:
        keys_in(file)
    assert "secret" not in str(refused.value)
