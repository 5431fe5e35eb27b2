import pytest

from web import limits
from web.limits import TokenBuckets, client_name


def test_a_bucket_gives_what_it_holds_and_then_what_comes_in(clock):
    buckets = TokenBuckets(6, clock)
    assert [buckets.take("a") for _ in range(6)] == [0] * 6
    assert buckets.take("a") == pytest.approx(10)

    clock.now_s += 4
    assert buckets.take("a") == pytest.approx(6)
    clock.now_s += 6
    assert buckets.take("a") == 0
    assert buckets.take("a") == pytest.approx(10)


def test_a_bucket_never_holds_more_than_a_minutes_tokens(clock):
    buckets = TokenBuckets(2, clock)
    buckets.take("a")
    clock.now_s += 3600
    assert [buckets.take("a") > 0 for _ in range(3)] == [False, False, True]


def test_clients_have_buckets_of_their_own(clock):
    buckets = TokenBuckets(1, clock)
    assert buckets.take("a") == buckets.take("b") == 0
    assert buckets.take("a") > 0


def test_no_limit_is_no_limit(clock):
    buckets = TokenBuckets(0, clock)
    assert {buckets.take("a") for _ in range(1000)} == {0}


def test_many_clients_do_not_fill_the_memory(clock, monkeypatch):
    monkeypatch.setattr(limits, "MOST_CLIENTS", 10)
    buckets = TokenBuckets(1, clock)
    for number in range(100):
        buckets.take(str(number))
    assert len(buckets._buckets) == 10
    clock.now_s += 61
    buckets.take("another")
    assert list(buckets._buckets) == ["another"]


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
def test_who_counts_as_one(address, name):
    assert client_name(address) == name
