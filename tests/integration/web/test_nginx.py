"""The configuration that docs/web.md has for nginx, tried with nginx where there is one."""

import contextlib
import os
import re
import shutil
import socket
import subprocess
from dataclasses import replace

import pytest
import trustme

from gateways import Caller, assert_problem, serving, wait_until
from server.ports import Ports
from server.triton_server import ROOT
from web.settings import LOOPBACK_NAMES

NAME = "diarization.example.org"
KEY = "a-key-of-sixteen-or-more-bytes"
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
    """The server of the documentation; `changes` are values of directives in its first level."""
    (server,) = re.findall(r"```nginx\n(.*?)```", (ROOT / "docs" / "web.md").read_text(), re.DOTALL)
    for name, value in changes.items():
        server, n_found = re.subn(rf"\b{name} [^;]*;", f"{name} {value};", server)
        assert n_found == 1, name
    return server


@contextlib.contextmanager
def nginx(folder, gateway):
    """It serves while the block runs; a caller who comes by TLS and by the gateway's name."""
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
def behind(settings):
    """The gateway, started as documented."""
    own = {
        "allowed_hosts": (*LOOPBACK_NAMES, NAME),
        "trusted_proxies": ("127.0.0.1",),
        "api_keys": (KEY.encode(),),
    }
    with serving(replace(settings, **own, rate_per_minute=4)) as gateway:
        yield gateway


@pytest.fixture
def outside(behind, tmp_path):
    """Who comes through nginx."""
    folder = tmp_path / "nginx"
    folder.mkdir()
    with nginx(folder, behind) as caller:
        yield caller


def test_a_recording_goes_through_and_its_job_is_where_it_is_told(outside, behind, wav):
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


def test_uploads_go_through_as_they_come(outside, behind):
    def slowly():
        yield b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\n\r\n'
        yield bytes(1_000_000)
        wait_until(lambda: [path.stat().st_size for path in behind.files()] > [500_000])
        yield b"\r\n--x--\r\n"

    form = {"Content-Type": "multipart/form-data; boundary=x"}
    answer = outside.ask("POST", "/v1/diarize", data=slowly(), headers={**form, **WITH_KEY})

    assert_problem(answer, 415)
    assert behind.files() == []


def test_refusals_come_through_and_a_made_up_address_does_not_help(outside, wav):
    made_up = [{"X-Forwarded-For": f"192.0.2.{number}"} for number in range(5)]

    answers = [outside.send(wav("call.wav"), headers=headers) for headers in made_up]

    for answer in answers[:4]:
        assert_problem(answer, 401)
    assert_problem(answers[4], 429)


def test_what_is_not_for_others_is_closed_and_other_names_are_not_served(outside, behind):
    assert outside.get("/metrics").status_code == 403
    assert behind.get("/metrics").status_code == 200  # Prometheus asks on loopback
    assert_problem(outside.get("/livez", headers={"Host": "evil.example"}), 421)
