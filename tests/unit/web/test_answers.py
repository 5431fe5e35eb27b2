import pytest

from web.api.answers import choose_format
from web.http.problems import ProblemError


@pytest.mark.parametrize(
    ("accept", "token"),
    [
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
def test_accept_chooses_the_best_weight_and_of_equal_ones_the_first(accept, token):
    assert choose_format(accept, None).token == token


@pytest.mark.parametrize("accept", ["image/png", "text/vtt;q=0", "*/*;q=0", "text/vtt;q=much"])
def test_nothing_acceptable_is_406(accept):
    with pytest.raises(ProblemError) as refused:
        choose_format(accept, None)
    assert refused.value.status == 406


def test_a_token_takes_precedence_and_without_a_media_type_is_plain_text():
    assert choose_format("image/png", "vtt").media_type == "text/vtt"
    assert choose_format("image/png", "textgrid").media_type == "text/plain"
    assert choose_format("text/plain", None) == choose_format("text/plain;q=0.5", None)
    assert choose_format("text/plain", None).token == "rttm"
