import pytest

from web.options import parsed_settings

LOOPBACK = ("localhost", "127.0.0.1", "::1")


@pytest.mark.parametrize(
    ("flags", "names"),
    [
        ([], LOOPBACK),
        (["--host=::1"], LOOPBACK),
        (["--host=0.0.0.0"], ()),
        # A health check and Prometheus on the own machine still call it by these.
        (["--allowed_host=a.example"], (*LOOPBACK, "a.example")),
        (["--host=0.0.0.0", "--allowed_host=a.example"], (*LOOPBACK, "a.example")),
    ],
)
def test_where_a_name_is_wanted_those_of_loopback_do_too(flags, names):
    assert parsed_settings(flags).allowed_hosts == names
