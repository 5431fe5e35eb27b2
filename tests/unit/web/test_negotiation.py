import pytest

from web.negotiation import chosen
from web.problems import ProblemError


@pytest.mark.parametrize(
    ("accept", "token"),
    [
        (None, "json"),
        ("", "json"),
        ("*/*", "json"),
        ("text/html,application/xhtml+xml,*/*;q=0.8", "json"),
        ("application/*", "json"),
        ("text/*", "rttm"),
        ("text/vtt", "vtt"),
        ("TEXT/VTT", "vtt"),
        ("text/vtt;q=0.5, text/csv", "csv"),
        ("text/vtt;q=0.5, text/csv;q=0.4", "vtt"),
        ("text/*;q=0.9, text/x-rttm;q=0.1, text/plain;q=0", "vtt"),
        ("*/*;q=0.1, application/x-subrip", "srt"),
        ("application/json;q=0, */*", "rttm"),
        ("text/vtt; charset=utf-8", "vtt"),
        ("nonsense, text/csv", "csv"),
    ],
)
def test_accept_chooses_what_is_most_welcome_and_of_equals_the_first(accept, token):
    assert chosen(accept, None).token == token


@pytest.mark.parametrize("accept", ["image/png", "text/vtt;q=0", "*/*;q=0", "text/vtt;q=much"])
def test_nothing_acceptable_is_406(accept):
    with pytest.raises(ProblemError) as refused:
        chosen(accept, None)
    assert refused.value.status == 406


def test_what_is_asked_for_wins_and_what_has_no_type_is_plain():
    assert chosen("image/png", "vtt").media_type == "text/vtt"
    assert chosen("image/png", "textgrid").media_type == "text/plain"
    assert chosen("text/plain", None) == chosen("text/plain;q=0.5", None)
    assert chosen("text/plain", None).token == "rttm"
