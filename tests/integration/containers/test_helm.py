"""The chart, rendered by Helm: valid for Kubernetes, and what the images and programs expect."""

import json
import re
import shlex
import subprocess
from pathlib import Path

import kubernetes_validate
import pytest
import yaml

from container_files import ROOT, SERVER, WEB, stages
from measure.kit.balancer import ENVOY
from server import proxy_health
from server.flags import Ports
from server.serve import parse_arguments
from server.triton_server import STOP_TIMEOUT_S
from web.settings import LOOPBACK_NAMES, parse_settings

HELM = ROOT / "data" / "tools" / "helm"
CHART = ROOT / "Dockerfile" / "helm"
KUBERNETES = ("1.30", "1.34", "1.37")
CUSTOM = {"ServiceMonitor", "PrometheusRule", "ScaledObject"}  # kinds that operators add
KEYS = "gateway.apiKeys=keys"
FEATURES = {
    "plain": [],
    "cpu": ["--values", str(CHART / "values-cpu.yaml")],
    "gpu": ["--values", str(CHART / "values-gpu.yaml")],
    "without balancer": ["--set", "balancer.enabled=false,service.type=LoadBalancer"],
    "autoscaling": ["--set", "autoscaling.enabled=true"],
    "keda": ["--set", "keda.enabled=true"],
    "monitoring": [
        "--set",
        "monitoring.serviceMonitor=true,monitoring.alerts=true,monitoring.dashboard=true",
        "--set",
        "monitoring.labels.release=prometheus",
    ],
    "gateway": ["--set", f"gateway.enabled=true,gateway.claim=work,{KEYS}"],
    "ingress": [
        "--set",
        "gateway.enabled=true,gateway.ingress.enabled=true,gateway.ingress.tls=certificate",
        "--set",
        "gateway.ingress.className=nginx",
    ],
    "scheduling": [
        "--set-json",
        'server={"nodeSelector":{"a":"b"},"tolerations":[{"operator":"Exists"}],'
        '"affinity":{"podAntiAffinity":{}},"podAnnotations":{"a":"b"},"env":[{"name":"A"}],'
        '"topologySpreadConstraints":[{"maxSkew":1,"topologyKey":"zone",'
        '"whenUnsatisfiable":"ScheduleAnyway"}]}',
        "--set-json",
        'imagePullSecrets=[{"name":"secret"}]',
    ],
}

pytestmark = pytest.mark.skipif(
    not HELM.is_file(), reason="no helm; python scripts/setup/fetch.py helm fetches it"
)


def helm(*words):
    return subprocess.run([HELM, *words], capture_output=True, text=True, check=False)


def rendered(*options):
    """Objects of a release by kind and name."""
    done = helm("template", "test", str(CHART), "--namespace", "speech", *options)
    assert done.returncode == 0, done.stderr
    objects = [each for each in yaml.safe_load_all(done.stdout) if each]
    return {(each["kind"], each["metadata"]["name"]): each for each in objects}


def pod(objects, component):
    return objects["Deployment", f"test-diarization-{component}"]["spec"]["template"]["spec"]


def container(objects, component):
    (only,) = pod(objects, component)["containers"]
    return only


def megabytes(quantity):
    number, unit = re.fullmatch(r"(\d+)([MG])i", quantity).groups()
    return int(number) * {"M": 1, "G": 1024}[unit]


def test_the_chart_passes_helms_own_checks():
    for options in FEATURES.values():
        done = helm("lint", "--strict", str(CHART), *options)
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("feature", FEATURES)
def test_every_object_is_valid_for_kubernetes(feature):
    objects = rendered(*FEATURES[feature])
    for (kind, name), each in objects.items():
        assert each["metadata"]["labels"]["app.kubernetes.io/instance"] == "test", name
        for version in KUBERNETES if kind not in CUSTOM else ():
            kubernetes_validate.validate(each, version, strict=True)


@pytest.mark.parametrize(
    ("values", "error"),
    [
        ("server.replicas=two", "at '/server/replicas': got string, want integer"),
        ("server.replica=2", "additional properties 'replica' not allowed"),
        ("gateway.ingress.host=", "at '/gateway/ingress/host': minLength: got 0, want 1"),
        ("server.sharedMemory=much", "at '/server/sharedMemory'"),
        ("keda.prometheus=here", "at '/keda/prometheus'"),
        (
            "autoscaling.enabled=true,keda.enabled=true",
            "autoscaling and keda: got both, expected one of them",
        ),
    ],
)
def test_wrong_values_are_refused_by_name(values, error):
    done = helm("template", "test", str(CHART), "--set", values)
    assert done.returncode != 0
    assert error in done.stderr


def test_every_value_has_a_schema_and_the_schema_no_other():
    def names(values, prefix=""):
        for name, value in values.items():
            yield prefix + name
            if isinstance(value, dict):
                yield from names(value, f"{prefix}{name}.")

    def allowed(schema, prefix=""):
        for name, each in schema.get("properties", {}).items():
            if "$ref" in each:
                each = definitions[each["$ref"].rpartition("/")[2]]
            yield prefix + name
            yield from allowed(each, f"{prefix}{name}.")

    schema = json.loads((CHART / "values.schema.json").read_text())
    definitions = schema["$defs"]
    given = set(names(yaml.safe_load((CHART / "values.yaml").read_text())))
    free = {"cpu", "memory"}  # of resources
    assert {name for name in given if name.rpartition(".")[2] not in free} == {
        name
        for name in allowed(schema)
        if name not in ("global", "server.disruption.minAvailable") and not name.endswith(".claims")
    }


def test_pods_may_not_do_anything_that_they_need_not():
    objects = rendered("--set", "gateway.enabled=true")
    for component in ("server", "balancer", "gateway"):
        spec, only = pod(objects, component), container(objects, component)
        assert spec["automountServiceAccountToken"] is False
        assert spec["enableServiceLinks"] is False
        assert spec["securityContext"]["runAsNonRoot"] is True
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert only["securityContext"] == {
            "readOnlyRootFilesystem": True,
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
        }
    user = "{runAsUser}:{runAsGroup}".format(**pod(objects, "server")["securityContext"])
    assert stages(SERVER)[-1].all("USER") == stages(WEB)[-1].all("USER") == [user]


@pytest.mark.parametrize("feature", ["plain", "gpu"])
def test_the_server_gets_flags_that_it_knows_and_time_to_stop(feature):
    objects = rendered(*FEATURES[feature])
    spec, only = pod(objects, "server"), container(objects, "server")
    options, of_triton = parse_arguments(only["args"])
    pre_stop_s = only["lifecycle"]["preStop"]["sleep"]["seconds"]
    needed_s = pre_stop_s + options.drain_delay + options.drain + STOP_TIMEOUT_S
    assert options.drain_delay > 0
    assert spec["terminationGracePeriodSeconds"] >= needed_s
    startup = only["startupProbe"]
    assert startup["periodSeconds"] * startup["failureThreshold"] >= options.ready_timeout
    if feature == "gpu":
        compose = yaml.safe_load((ROOT / "Dockerfile" / "compose.gpu.yml").read_text())
        assert of_triton == compose["services"]["server"]["command"]
        assert only["resources"]["limits"]["nvidia.com/gpu"] == 1
    else:
        assert of_triton == []


def test_the_probes_ask_what_the_server_answers():
    only = container(rendered(), "server")
    ports = {each["name"]: each["containerPort"] for each in only["ports"]}
    assert ports == {"health": Ports().http, "grpc": Ports().grpc, "metrics": Ports().metrics}
    source = Path(proxy_health.__file__).read_text()
    for probe, word in (("startup", "ready"), ("readiness", "ready"), ("liveness", "live")):
        asked = only[f"{probe}Probe"]["httpGet"]
        assert asked == {"path": f"/v2/health/{word}", "port": "health"}
        assert f'"{word}": prober.not_{word}' in source
        assert only[f"{probe}Probe"]["timeoutSeconds"] > proxy_health.READY_WITHIN_S
    patience_s = only["livenessProbe"]["periodSeconds"] * only["livenessProbe"]["failureThreshold"]
    assert patience_s >= 60  # hanging models are restarted within 30 s, by the server itself


@pytest.mark.parametrize("feature", ["plain", "cpu", "gpu"])
def test_shared_memory_is_part_of_the_containers_memory(feature):
    objects = rendered(*FEATURES[feature])
    volumes = {each["name"]: each for each in pod(objects, "server")["volumes"]}
    shared = volumes["shm"]["emptyDir"]
    assert shared["medium"] == "Memory"
    limit = container(objects, "server")["resources"]["limits"]["memory"]
    assert megabytes(shared["sizeLimit"]) <= megabytes(limit) / 2
    assert {"name": "shm", "mountPath": "/dev/shm"} in container(objects, "server")["volumeMounts"]


@pytest.mark.parametrize("feature", FEATURES)
def test_services_and_scalers_have_something_behind_them(feature):
    objects = rendered(*FEATURES[feature])
    templates = [
        each["spec"]["template"] for (kind, _), each in objects.items() if kind == "Deployment"
    ]
    for (kind, name), each in objects.items():
        if kind == "Service":
            (behind,) = (
                template
                for template in templates
                if each["spec"]["selector"].items() <= template["metadata"]["labels"].items()
            )
            ports = {port["name"] for port in behind["spec"]["containers"][0]["ports"]}
            assert {port["targetPort"] for port in each["spec"]["ports"]} <= ports, name
        if kind in ("HorizontalPodAutoscaler", "ScaledObject"):
            assert ("Deployment", each["spec"]["scaleTargetRef"]["name"]) in objects
            assert "replicas" not in objects["Deployment", name]["spec"]
        if kind == "Ingress":
            (rule,) = each["spec"]["rules"]
            backend = rule["http"]["paths"][0]["backend"]["service"]
            assert ("Service", backend["name"]) in objects


def test_only_the_service_of_all_servers_is_scraped():
    objects = rendered(*FEATURES["monitoring"])
    monitor = objects["ServiceMonitor", "test-diarization"]
    assert monitor["metadata"]["labels"]["release"] == "prometheus"
    selector = monitor["spec"]["selector"]["matchLabels"]
    (port,) = (endpoint["port"] for endpoint in monitor["spec"]["endpoints"])
    scraped = [
        name
        for (kind, name), each in objects.items()
        if kind == "Service"
        and selector.items() <= each["metadata"]["labels"].items()
        and port in [each["name"] for each in each["spec"]["ports"]]
    ]
    assert scraped == ["test-diarization-servers"]


def test_alerts_and_dashboard_are_the_files_as_they_are():
    objects = rendered(*FEATURES["monitoring"])
    alerts = yaml.safe_load((CHART / "files" / "alerts.yaml").read_text())
    assert objects["PrometheusRule", "test-diarization"]["spec"] == alerts
    dashboard = objects["ConfigMap", "test-diarization-dashboard"]["data"]["diarization.json"]
    assert json.loads(dashboard) == json.loads((CHART / "files" / "dashboard.json").read_text())


def test_envoy_takes_the_configuration_and_asks_for_every_server(tmp_path):
    objects = rendered()
    text = objects["ConfigMap", "test-diarization-balancer"]["data"]["envoy.yaml"]
    for cluster in yaml.safe_load(text)["static_resources"]["clusters"]:
        (endpoint,) = cluster["load_assignment"]["endpoints"][0]["lb_endpoints"]
        address = endpoint["endpoint"]["address"]["socket_address"]
        service = objects["Service", address["address"]]["spec"]
        assert service["clusterIP"] == "None"
        assert service["publishNotReadyAddresses"] is True
        assert address["port_value"] in [port["port"] for port in service["ports"]]
    shipped = (CHART / "files" / "envoy.yaml").read_text()
    assert text.replace(address["address"], "servers").strip() == shipped.strip()
    path = tmp_path / "envoy.yaml"
    path.write_text(text)
    command = [ENVOY, "--mode", "validate", "-c", path]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "eprecated" not in done.stderr
    args = container(objects, "balancer")["args"]
    assert args[args.index("-c") + 1] == "/etc/envoy/envoy.yaml"


def test_the_gateway_gets_options_that_it_knows(tmp_path):
    objects = rendered(*FEATURES["ingress"], "--set", KEYS)
    only = container(objects, "gateway")
    keys = tmp_path / "keys"
    keys.write_text("a-key-of-sixteen-or-more-bytes\n")
    keys.chmod(0o600)
    args = [each.replace("/etc/gateway/keys", str(keys)) for each in only["args"]]
    settings = parse_settings([*stages(WEB)[-1].command("ENTRYPOINT")[2:], *args])
    host, _, port = settings.url.partition(":")
    ports = objects["Service", host]["spec"]["ports"]
    assert int(port) in [each["port"] for each in ports]
    assert settings.api_keys
    service = "test-diarization-gateway"
    names = ("diarization.example.org", service, f"{service}.speech", f"{service}.speech.svc")
    assert settings.allowed_hosts == (*LOOPBACK_NAMES, *names)
    assert settings.port == only["ports"][0]["containerPort"]
    assert {"name": "work", "mountPath": str(settings.work_dir)} in only["volumeMounts"]
    for probe in ("readinessProbe", "livenessProbe"):
        (header,) = only[probe]["httpGet"]["httpHeaders"]
        assert header == {"name": "Host", "value": LOOPBACK_NAMES[0]}


def test_kserve_runs_the_same_server():
    runtime, service = yaml.safe_load_all((ROOT / "Dockerfile" / "kserve.yaml").read_text())
    (only,) = runtime["spec"]["containers"]
    chart = container(rendered(), "server")
    assert only["image"] == chart["image"]
    assert only["securityContext"].items() >= chart["securityContext"].items()
    assert only["volumeMounts"] == chart["volumeMounts"]
    options, of_triton = parse_arguments(only["args"])
    grace_s = service["spec"]["predictor"]["terminationGracePeriodSeconds"]
    assert grace_s >= options.drain_delay + options.drain + STOP_TIMEOUT_S
    assert of_triton == []
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        ours = json.loads(json.dumps(chart[probe]).replace('"health"', str(Ports().http)))
        assert only[probe] == ours
    model = service["spec"]["predictor"]["model"]
    assert model["runtime"] == runtime["metadata"]["name"]
    (supported,) = runtime["spec"]["supportedModelFormats"]
    assert model["modelFormat"]["name"] == supported["name"]
    assert model["protocolVersion"] in runtime["spec"]["protocolVersions"]
    pod_spec = {name: runtime["spec"][name] for name in ("containers", "volumes")}
    for version in KUBERNETES:
        kubernetes_validate.validate(
            {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "x"}, "spec": pod_spec},
            version,
            strict=True,
        )


def test_the_commands_and_values_of_the_page_render(tmp_path):
    page = (ROOT / "docs" / "kubernetes.md").read_text()
    scripts = "\n".join(re.findall(r"^```bash\n(.*?)^```$", page, re.M | re.S))
    lines = scripts.replace("\\\n", " ").splitlines()
    commands = [shlex.split(line, comments=True) for line in lines if "Dockerfile/helm " in line]
    assert len(commands) == 3
    for _, verb, name, chart, *options in commands:
        assert verb in ("install", "upgrade")
        kept = [each for each in options if each not in ("--create-namespace", "--reuse-values")]
        done = subprocess.run(
            [HELM, "template", name, chart, *kept], cwd=ROOT, capture_output=True, check=False
        )
        assert done.returncode == 0, done.stderr
    for path in re.findall(r"(?:--filename|--values) (Dockerfile/\S+)", scripts):
        assert (ROOT / path).is_file()
    (values,) = re.findall(r"^```yaml\n(.*?)^```$", page, re.M | re.S)
    path = tmp_path / "values.yaml"
    path.write_text(values)
    objects = rendered("--values", str(path), "--set", "gateway.enabled=true")
    _, of_triton = parse_arguments(container(objects, "server")["args"])
    assert of_triton == ["--grpc-restricted-protocol=inference:triton-key=$(KEY)"]
    assert container(objects, "gateway")["args"][-1].startswith("--header=triton-grpc-protocol-")
