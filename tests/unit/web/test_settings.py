import pytest

from web.settings import parse_settings

LOOPBACK = ("localhost", "127.0.0.1", "::1")


@pytest.mark.parametrize(
    ("flags", "names"),
    [
        ([], LOOPBACK),
        (["--host=::1"], LOOPBACK),
        (["--host=0.0.0.0"], ()),
        # A health check and Prometheus on the same machine use them.
        (["--allowed_host=a.example"], (*LOOPBACK, "a.example")),
        (["--host=0.0.0.0", "--allowed_host=a.example"], (*LOOPBACK, "a.example")),
    ],
)
def test_loopback_names_are_allowed_beside_others(flags, names):
    assert parse_settings(flags).allowed_hosts == names
