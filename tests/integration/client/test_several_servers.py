"""The client with the addresses of several servers: recordings are shared, sessions are not."""

from contextlib import ExitStack
from dataclasses import replace

import grpc
import pytest
import soundfile
import trustme
from grpc_health.v1.health_pb2 import HealthCheckResponse

import client
from gateways import serving
from integration.client_fake_live import FakeLive
from integration.client_fake_server import FakeTriton, files_in
from live_streams import streaming
from media_files import noise
from sending import addresses
from sending.in_flight import Backoff
from web.settings import Settings

NOWHERE = "127.0.0.1:9"
IDS = [f"r{number}" for number in range(60)]
SHARE = 15  # at least: not all servers are connected at once


@pytest.fixture
def tritons():
    with ExitStack() as stack:
        yield [stack.enter_context(FakeTriton()) for _ in range(2)]


@pytest.fixture
def lives():
    with ExitStack() as stack:
        yield [stack.enter_context(FakeLive()) for _ in range(4)]


@pytest.fixture
def talk(tmp_path):
    path = tmp_path / "talk.wav"
    soundfile.write(path, noise(16_000), 16_000)
    return path


@pytest.fixture
def settings(tmp_path):
    return Settings(tmp_path / "work", port=0)


def urls(servers, *others):
    return ",".join([*others, *(server.url for server in servers)])


def run(url, *args):
    return client.main(["--url", url, *map(str, args)], backoff=Backoff(0.01, 0.05))


def shares(tritons):
    return [len(triton.ids) for triton in tritons]


def test_the_servers_take_turns(tritons, wav_scp, out):
    assert run(urls(tritons), "--wavscp", wav_scp(*IDS), "--output_directory", out) == 0
    assert min(shares(tritons)) >= SHARE
    assert set(files_in(out)) >= {f"rttm_{name}" for name in IDS}


@pytest.mark.parametrize("other", [NOWHERE, "unknown.invalid:8001"])
def test_a_server_that_is_away_gets_nothing_and_fails_nothing(
    other, tritons, wav_scp, tmp_path, capfd
):
    url = urls(tritons, other)
    assert run(url, "--wavscp", wav_scp(*IDS), "--output_directory", tmp_path) == 0
    assert sum(shares(tritons)) == len(IDS)
    assert "again" not in capfd.readouterr().err


def test_a_server_that_is_not_ready_gets_nothing_until_it_is(tritons, wav_scp, tmp_path):
    tritons[0].health.set("", HealthCheckResponse.NOT_SERVING)
    for once in ("before", "after"):
        out = tmp_path / once
        assert run(urls(tritons), "--wavscp", wav_scp(*IDS), "--output_directory", out) == 0
        if once == "before":
            assert shares(tritons) == [0, len(IDS)]
            tritons[0].health.set("", HealthCheckResponse.SERVING)
    assert shares(tritons)[0] >= SHARE


def test_without_a_server_that_is_ready_nothing_is_sent(tritons, wav_scp, tmp_path, capfd):
    for triton in tritons:
        triton.health.set("", HealthCheckResponse.NOT_SERVING)
    url = urls(tritons)
    assert run(url, "--wavscp", wav_scp(*IDS), "--output_directory", tmp_path) == 1
    assert f"{url}: no server is ready; it may be starting or stopping" in capfd.readouterr().err
    assert run(f"{NOWHERE},{NOWHERE}", "--wavscp", wav_scp(*IDS)) == 1
    assert "no Triton server answers gRPC at 127.0.0.1:9,127.0.0.1:9 (" in capfd.readouterr().err


def test_all_servers_have_a_certificate_for_the_first_name(wav_scp, tmp_path):
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    own = authority.issue_cert("localhost")
    pair = (own.private_key_pem.bytes(), b"".join(each.bytes() for each in own.cert_chain_pems))
    credentials = grpc.ssl_server_credentials([pair])
    with FakeTriton(credentials=credentials) as one, FakeTriton(credentials=credentials) as two:
        options = ["--ssl_ca", tmp_path / "ca.pem", "--output_directory", tmp_path / "out"]
        assert run(urls([one, two]), "--wavscp", wav_scp(*IDS), *options) == 0
        assert min(shares([one, two])) >= SHARE


def test_a_live_session_stays_at_one_server(lives, talk, capfd):
    for _ in range(6):
        assert run(urls(lives, NOWHERE), "--stream", talk, "--pace=0") == 0
    ids = {name for live in lives for name in live.sessions}
    assert len(ids) == 6
    for live in lives:
        assert live.session_headers == set(live.sessions)


def test_a_browser_finds_its_session_again(settings, lives):
    url = urls(lives, NOWHERE)
    with serving(replace(settings, url=url)) as gateway:
        for _ in range(4):
            with streaming(gateway.url) as stream:
                name = stream.begin()["session"]
                stream.say(noise(8000))
                stream.until("turn")
            with streaming(gateway.url) as stream:
                stream.send("resume", session=name, last_seq=0)
                assert stream.until("started")["received"] == 8000
            (home,) = (live for live in lives if name in live.sessions)
            assert home.url == addresses.home_of(name, url)
            assert name in home.session_headers
