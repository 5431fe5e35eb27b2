"""docker-compose.yml agrees with the Dockerfiles and their scripts."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from container_files import CLIENT, ROOT, SERVER, WEB, replay, stages
from server.flags import flag_values
from server.triton_server import DRAIN_S, STOP_TIMEOUT_S, Ports
from web.settings import LOOPBACK_NAMES, Settings, parse_settings

SERVING, (ASKING,), (GATEWAY,) = stages(SERVER)[-1], stages(CLIENT), stages(WEB)
ALL_PORTS = {Ports().http, Ports().grpc, Ports().metrics}
DEFAULT = re.compile(r"\$\{(\w+):-([^}]*)\}")


@pytest.fixture
def services():
    """The services, with the defaults of what the environment may set."""
    text = (ROOT / "docker-compose.yml").read_text()
    parsed = yaml.safe_load(DEFAULT.sub(r"\2", text))
    return parsed["services"]


def test_the_services_use_the_images_of_the_dockerfiles(services):
    assert {service["image"]: service["build"]["dockerfile"] for service in services.values()} == {
        f"{stage_of}:latest": f"Dockerfile/{path.name}"
        for stage_of, path in (
            ("wespeaker_server", SERVER),
            ("wespeaker_client", CLIENT),
            ("wespeaker_web", WEB),
        )
    }
    for name, path in (("server", SERVER), ("client", CLIENT), ("web", WEB)):
        service = services[name]
        assert f"-t {service['image']} " in path.read_text()  # as in its comment


def test_the_services_have_no_privileges(services):
    for service in services.values():
        assert service["read_only"] is True
        assert service["tmpfs"] == ["/tmp"]
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]
        assert not {"privileged", "cap_add", "network_mode", "pid", "ipc"} & service.keys()


def test_the_servers_ports_are_tritons_and_published_on_loopback(services):
    published = [port.split(":") for port in services["server"]["ports"]]
    assert {host for host, _, _ in published} == {"127.0.0.1"}
    assert {int(inside) for _, _, inside in published} == ALL_PORTS
    assert all(outside == inside for _, outside, inside in published)
    assert {int(port) for port in SERVING.all("EXPOSE")[0].split()} == ALL_PORTS


def test_the_server_has_time_to_drain(services):
    grace_s = int(services["server"]["stop_grace_period"].removesuffix("s"))
    assert grace_s > DRAIN_S + STOP_TIMEOUT_S
    assert services["server"]["shm_size"] == "1g"


def test_the_client_waits_for_the_servers_health_and_is_not_root(services):
    assert services["client"]["depends_on"] == {"server": {"condition": "service_healthy"}}
    assert SERVING.all("HEALTHCHECK")
    assert services["client"]["user"] == "1000:1000"
    assert services["client"]["profiles"] == ["client"]
    assert "profiles" not in services["server"]


def test_missing_host_folders_are_not_created(services):
    volumes = services["client"]["volumes"]
    assert {volume["target"]: volume.get("read_only", False) for volume in volumes} == {
        "/ws/test_data": True,
        "/ws/output": False,
    }
    assert all(volume["bind"] == {"create_host_path": False} for volume in volumes)


def test_the_commands_in_the_comment_use_paths_of_the_client_image(services):
    text = (ROOT / "docker-compose.yml").read_text()
    assert ASKING.all("WORKDIR")[-1] == "/ws/client"  # so that `python client.py` is found
    for place in re.findall(r"=(/ws/\w+)", text):
        assert place in {volume["target"] for volume in services["client"]["volumes"]}


def test_the_gpu_file_only_adds_gpus_and_what_is_for_them(services, tmp_path):
    text = (ROOT / "Dockerfile" / "compose.gpu.yml").read_text()
    (more,) = yaml.safe_load(text)["services"].items()
    name, extra = more
    assert name in services
    (device,) = extra["deploy"]["resources"]["reservations"]["devices"]
    assert device == {"driver": "nvidia", "count": "all", "capabilities": ["gpu"]}
    assert not extra.keys() & services[name].keys()
    workspace = replay(SERVING, tmp_path / "workspace")
    folders = [
        workspace / Path(folder).relative_to("/workspace")
        for folder in flag_values(extra["command"], "--model-repository")
    ]
    models = [{path.name for path in folder.iterdir()} for folder in folders]
    assert {"run"} < models[0]
    assert models[1:] == [{"fbank"}]
    (name,) = flag_values(extra["command"], "--model-config-name")
    assert (folders[0] / "run" / "configs" / f"{name}.pbtxt").is_file()


def test_the_gateway_waits_for_the_server_and_is_published_on_loopback(services):
    web = services["web"]
    port = str(Settings(Path()).port)
    assert web["depends_on"] == {"server": {"condition": "service_healthy"}}
    assert web["ports"] == [f"127.0.0.1:{port}:{port}"]
    assert GATEWAY.all("EXPOSE") == [port]
    assert GATEWAY.all("USER") == ["1000:1000"]
    assert f":{port}/healthz" in GATEWAY.all("HEALTHCHECK")[0]


def test_the_gateways_options_are_valid(services):
    options = [*GATEWAY.command("ENTRYPOINT")[2:], *services["web"]["command"]]
    settings = parse_settings(options)
    assert settings.url == "server:8001"
    assert settings.host == "0.0.0.0"
    assert settings.allowed_hosts == (*LOOPBACK_NAMES, "localhost")  # its health check's too
    (volume,) = services["web"]["volumes"]
    assert str(settings.work_dir) == volume.partition(":")[2] == GATEWAY.all("VOLUME")[0]


def test_the_gateways_image_holds_what_it_starts(tmp_path):
    folder = replay(GATEWAY, tmp_path / "ws")
    done = subprocess.run(
        [sys.executable, *GATEWAY.command("ENTRYPOINT")[1:2], "--help"],
        cwd=folder,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert "--allowed_host" in done.stdout
