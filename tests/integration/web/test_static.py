"""Of the folders of the page nothing but its files; a wrong method is told as such."""

import pytest

from gateways import assert_problem


@pytest.mark.parametrize(
    "path",
    [
        "/nowhere",
        "/web/page/frame.html",
        "/web/page/..%2fapp.py",
        "/web/page/%2e%2e/app.py",
        "/viewer/page.py",
        "/viewer/..%2fclient.py",
        "/viewer/",
    ],
)
def test_nothing_else_is_served(path, gateway):
    assert_problem(gateway.get(path), 404)


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("POST", "/", "GET, HEAD"),
        ("GET", "/v1/diarize", "POST"),
        ("POST", "/v1/jobs/x", "DELETE, GET, HEAD"),
        ("GET", "/v1/jobs/x/turns", "DELETE, PUT"),
    ],
)
def test_a_wrong_method_is_told_with_those_that_are_right(method, path, allowed, gateway):
    answer = gateway.ask(method, path)

    assert_problem(answer, 405, allowed)
    assert answer.headers["Allow"] == allowed


def test_head_is_get_without_the_body(gateway):
    for path in ("/", "/livez"):
        answer = gateway.ask("HEAD", path)
        assert (answer.status_code, answer.content) == (200, b"")
