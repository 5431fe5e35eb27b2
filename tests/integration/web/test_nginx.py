"""The configuration for nginx in docs/web.md, tried if nginx is installed."""

import contextlib
import os
import re
import shutil
import socket
import ssl
import subprocess
from dataclasses import replace

import pytest
import trustme
from websockets.exceptions import InvalidStatus

from gateways import (
    FILE_HEAD,
    FORM,
    FORM_END,
    KEY,
    Caller,
    assert_problem,
    serving,
    wait_until,
)
from integration.client_fake_live import FakeLive
from live_streams import streaming
from server.flags import Ports
from server.triton_server import ROOT
from web.settings import LOOPBACK_NAMES

NAME = "diarization.example.org"
WITH_KEY = {"X-API-Key": KEY}
NGINX = shutil.which("nginx", path=os.environ["PATH"] + ":/usr/sbin:/usr/local/sbin")
FRAME = """
{user}
daemon off;
pid {folder}/pid;
error_log stderr;
events {{}}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/other;
    uwsgi_temp_path {folder}/other;
    scgi_temp_path {folder}/other;
    {server}
}}
"""

pytestmark = pytest.mark.skipif(NGINX is None, reason="no nginx on this machine")


def documented(**changes):
    """Return the documented server with other values of some directives."""
    (server,) = re.findall(r"```nginx\n(.*?)```", (ROOT / "docs" / "web.md").read_text(), re.DOTALL)
    for name, value in changes.items():
        server, n_found = re.subn(rf"\b{name} [^;]*;", f"{name} {value};", server)
        assert n_found == 1, name
    return server


@contextlib.contextmanager
def nginx(folder, gateway):
    """Serve while the block runs; yields a client that uses TLS and the gateway's name."""
    port = Ports.free().http
    authority, certificate = trustme.CA(), folder / "certificate.pem"
    own = authority.issue_cert(NAME, "127.0.0.1")
    own.private_key_and_cert_chain_pem.write_to_path(certificate)
    authority.cert_pem.write_to_path(folder / "authority.pem")
    server = documented(
        listen=f"127.0.0.1:{port} ssl",
        ssl_certificate=certificate,
        ssl_certificate_key=certificate,
        proxy_pass=gateway.url,
    )
    user = "user root;" if os.geteuid() == 0 else ""
    (folder / "nginx.conf").write_text(FRAME.format(folder=folder, user=user, server=server))
    command = [NGINX, "-p", folder, "-c", folder / "nginx.conf"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        try:
            wait_until(lambda: accepts(port) or process.poll() is not None)
            assert process.poll() is None, process.stderr.read()
            caller = Caller(f"https://127.0.0.1:{port}", Host=NAME)
            caller.trust(folder / "authority.pem")
            yield caller
        finally:
            process.terminate()


def accepts(port):
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
        return True


@pytest.fixture
def published(settings):
    """The documented options."""
    own = {
        "allowed_hosts": (*LOOPBACK_NAMES, NAME),
        "trusted_proxies": ("127.0.0.1",),
        "api_keys": (KEY.encode(),),
    }
    return replace(settings, **own, rate_per_minute=4)


@pytest.fixture
def behind(published):
    """The gateway, with the documented options."""
    with serving(published) as gateway:
        yield gateway


@pytest.fixture
def outside(behind, tmp_path):
    """A client behind nginx."""
    folder = tmp_path / "nginx"
    folder.mkdir()
    with nginx(folder, behind) as caller:
        yield caller


def test_a_recording_and_its_job_are_reached_through_nginx(outside, behind, wav):
    page = {"Origin": f"https://{NAME}", "Sec-Fetch-Site": "same-origin"}
    job = outside.send(wav("call.wav"), headers={**WITH_KEY, **page, "Prefer": "respond-async"})
    path = job.headers["Location"]
    outside.ended(path)

    part = outside.get(f"{path}/sound", headers={"Range": "bytes=0-3"})
    corrected = outside.ask("PUT", f"{path}/turns", json={"turns": []}, headers=page)

    assert outside.get("/").headers["Content-Security-Policy"]
    assert (part.status_code, part.content) == (206, b"fLaC")
    assert corrected.json()["turns"] == []
    assert outside.ask("DELETE", path, headers=page).status_code == 204
    assert behind.files() == []


def test_a_page_at_another_port_may_send_too(outside, wav):
    name = f"{NAME}:8443"

    answer = outside.send(
        wav("call.wav"), headers={**WITH_KEY, "Host": name, "Origin": f"https://{name}"}
    )

    assert answer.status_code == 200


def test_uploads_are_streamed(outside, behind):
    def slowly():
        yield FILE_HEAD
        yield bytes(1_000_000)
        wait_until(lambda: [path.stat().st_size for path in behind.files()] > [500_000])
        yield FORM_END

    answer = outside.ask("POST", "/v1/diarize", data=slowly(), headers={**FORM, **WITH_KEY})

    assert_problem(answer, 415)
    assert behind.files() == []


def test_a_forged_address_does_not_evade_the_rate_limit(outside, wav):
    forged = [{"X-Forwarded-For": f"192.0.2.{number}"} for number in range(5)]

    answers = [outside.send(wav("call.wav"), headers=headers) for headers in forged]

    for answer in answers[:4]:
        assert_problem(answer, 401)
    assert_problem(answers[4], 429)


def test_live_audio_is_streamed(published, tmp_path):
    with (
        FakeLive() as live,
        serving(replace(published, url=live.url)) as gateway,
        nginx(tmp_path, gateway) as caller,
    ):
        port = int(caller.url.rpartition(":")[2])
        page = f"https://{NAME}:{port}"
        trusted = ssl.create_default_context(cafile=tmp_path / "authority.pem")
        with streaming(page, origin=page, ssl=trusted, sock=connected(port)) as stream:
            stream.tell("start", key=KEY)
            assert stream.until("started")["received"] == 0
        foreign = {"origin": "https://evil.example", "ssl": trusted, "sock": connected(port)}
        with pytest.raises(InvalidStatus, match="403"), streaming(page, **foreign):
            pass


def connected(port):
    return socket.create_connection(("127.0.0.1", port))


def test_metrics_and_other_host_names_are_refused(outside, behind):
    assert outside.get("/metrics").status_code == 403
    assert behind.get("/metrics").status_code == 200  # Prometheus asks on loopback
    assert_problem(outside.get("/livez", headers={"Host": "evil.example"}), 421)
