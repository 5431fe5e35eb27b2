"""Which server gets a request."""

import itertools
import json
import socket
from collections import Counter

import pytest

from sending.addresses import home_of, new_session, split, target

SERVERS = "a:1,b:2,c:3"


def names():
    return map(str, itertools.count())


def test_one_server_is_asked_as_it_is_named():
    assert target("127.0.0.1:8001") == ("127.0.0.1:8001", [])
    assert target("localhost:8001") == ("localhost:8001", [])
    assert target("unknown.invalid:8001") == ("unknown.invalid:8001", [])
    assert target("nonsense") == ("nonsense", [])


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("127.0.0.1:1, 127.0.0.2:2", "ipv4:127.0.0.1:1,127.0.0.2:2"),
        ("[::1]:1,[::2]:2", "ipv6:[::1]:1,[::2]:2"),
        ("127.0.0.1:1,unknown.invalid:2,127.0.0.3:3", "ipv4:127.0.0.1:1,127.0.0.3:3"),
    ],
)
def test_several_servers_are_looked_up_and_take_turns(url, expected):
    found, options = target(url)
    service = json.loads(dict(options)["grpc.service_config"])
    assert found == expected
    assert service["loadBalancingConfig"] == [{"round_robin": {}}]
    assert service["healthCheckConfig"] == {"serviceName": ""}
    assert dict(options)["grpc.default_authority"] == split(url)[0]


def test_a_name_with_several_addresses_is_left_to_grpc_which_looks_it_up_again(monkeypatch):
    def look_up(host, port, family, kind):
        return [(family, kind, 6, "", (f"10.0.0.{n}", int(port))) for n in (1, 2)]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    found, options = target("servers:8001")
    assert found == "servers:8001"
    assert [*dict(options)] == ["grpc.service_config"]


def test_sessions_are_spread_and_keep_their_home_when_another_server_leaves():
    sessions = [*itertools.islice(names(), 300)]
    homes = {name: home_of(name, SERVERS) for name in sessions}
    assert min(Counter(homes.values()).values()) > 60
    for name, home in homes.items():
        assert home_of(name, "c:3,b:2,a:1") == home
        assert home == "c:3" or home_of(name, "a:1,b:2") == home
    assert home_of("x", "a:1") == "a:1"


def test_a_new_session_has_a_home_that_can_be_reached():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        here = f"127.0.0.1:{listener.getsockname()[1]}"
        url = f"127.0.0.1:9,{here},127.0.0.2:9"
        ids = names()
        for _ in range(10):
            assert home_of(new_session(url, ids.__next__), url) == here
    assert new_session("127.0.0.1:9,127.0.0.2:9", lambda: "x") == "x"
    assert new_session("127.0.0.1:9", lambda: "x") == "x"
