"""The checks of this suite, top to bottom. Each is a function; it fails by raising. Run by `run`."""

import base64
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import traceback
import zlib
from pathlib import Path

import kubernetes_validate
import yaml
from cloudcoil.models.prometheus_operator.v1 import PodMonitor

ROOT = Path.cwd()
KUSTOMIZE = ROOT / "deploy/kustomize"
EXAMPLE = KUSTOMIZE / "examples/mqtt"
SIDECAR = KUSTOMIZE / "components/sidecar"
BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

# The oldest that the example can run on (preStop sleep), the one where sidecars became stable, and the newest known.
KUBERNETES = ["1.30", "1.33", "1.37"]

CHECKS = []


def check(function):
    CHECKS.append(function)
    return function


# === Kubernetes ===


@check
def objects_are_valid():
    kinds = set()
    for item in example():
        kinds.add(item["kind"])
        for version in KUBERNETES:
            kubernetes_validate.validate(item, version, strict=True)
    assert {"Deployment", "Service", "Secret", "ConfigMap", "NetworkPolicy"} <= kinds, kinds


@check
def gate_is_a_native_sidecar():
    assert gate()["restartPolicy"] == "Always"
    assert "keygate" not in [c["name"] for c in pod()["containers"]]


@check
def gate_comes_before_other_init_containers_and_keeps_them():
    others = [{"name": "migrate", "image": "migrate:1"}]
    rendered = with_sidecar(deployment(initContainers=others))
    assert [c["name"] for c in rendered["initContainers"]] == ["keygate", "migrate"]


@check
def a_deployment_without_the_label_is_left_alone():
    untouched = deployment()
    untouched["metadata"]["labels"] = {}
    assert "initContainers" not in with_sidecar(untouched)


@check
def probes_ask_the_status_port():
    ports = {p["name"]: p["containerPort"] for p in gate()["ports"]}
    assert ports["status"] == port_of(sidecar_config()["status"]["address"])
    paths = {"startupProbe": "/startupz", "readinessProbe": "/readyz", "livenessProbe": "/livez"}
    for probe, path in paths.items():
        assert gate()[probe]["httpGet"] == {"path": path, "port": "status"}, probe


@check
def service_points_at_the_gate():
    ports = {p["name"]: p["containerPort"] for p in gate()["ports"]}
    listener = port_of(sidecar_config()["listeners"][0]["address"])
    assert ports["gate"] == listener
    assert [p["targetPort"] for p in only("Service")["spec"]["ports"]] == ["gate"]
    rules = only("NetworkPolicy")["spec"]["ingress"]
    assert [p["port"] for r in rules for p in r["ports"]] == [ports["gate"], ports["status"]]


@check
def backend_listens_on_loopback_where_the_gate_looks():
    upstream = sidecar_config()["upstream"]
    host, port = upstream.split(":")
    assert host == "127.0.0.1"
    text = (EXAMPLE / "mosquitto.conf").read_text()
    assert f"listener {port} {host}\n" in text
    # Tried for real: what Mosquitto binds is not always what its file says.
    free = [free_port(), free_port()]
    with tempfile.NamedTemporaryFile("w", suffix=".conf") as file:
        file.write(text.replace(f"listener {port}", f"listener {free[0]}").replace("listener 1883", f"listener {free[1]}"))
        file.flush()
        os.chmod(file.name, 0o644)  # Mosquitto gives up root before it reads
        broker = subprocess.Popen([os.environ["MOSQUITTO"], "-c", file.name], stderr=subprocess.DEVNULL)
        try:
            wait_until(lambda: all(connects("127.0.0.1", p) for p in free), f"Mosquitto listens on {free}")
            for other in ("127.0.0.2", "::1"):
                assert not any(connects(other, p) for p in free), f"the broker can be reached at {other}"
        finally:
            broker.kill()
            broker.wait()


@check
def containers_meet_the_restricted_profile():
    for container in pod()["containers"] + pod()["initContainers"]:
        context = container["securityContext"]
        assert context["runAsNonRoot"] is True, container["name"]
        assert context["runAsUser"] > 0, container["name"]
        assert context["readOnlyRootFilesystem"] is True, container["name"]
        assert context["allowPrivilegeEscalation"] is False, container["name"]
        assert context["capabilities"] == {"drop": ["ALL"]}, container["name"]
        assert context["seccompProfile"] == {"type": "RuntimeDefault"}, container["name"]
    for volume in pod()["volumes"]:
        assert set(volume) - {"name"} <= {"configMap", "secret", "emptyDir"}, volume


@check
def pod_drains_before_it_dies():
    command = gate()["lifecycle"]["preStop"]["exec"]["command"]
    drain = sidecar_config()["timeouts"]["drain"]
    assert command == ["/keygate", "drain", "--wait", drain], command
    seconds = int(drain.removesuffix("s"))
    assert pod()["terminationGracePeriodSeconds"] >= seconds + 10
    for container in pod()["containers"]:
        assert container["lifecycle"]["preStop"]["sleep"]["seconds"] >= seconds, container["name"]


@check
def mounts_are_directories_that_the_config_names():
    mounts = {m["mountPath"]: m for m in gate()["volumeMounts"]}
    for container in pod()["containers"] + pod()["initContainers"]:
        assert not any("subPath" in m or "subPathExpr" in m for m in container["volumeMounts"]), container["name"]
    volumes = {v["name"]: v for v in pod()["volumes"]}
    config = sidecar_config()

    keys = mounts[str(Path(config["keys"]["file"]).parent)]
    assert volumes[keys["name"]]["secret"]["secretName"] == "keygate-keys"
    assert volumes[keys["name"]]["secret"]["defaultMode"] & 0o444 == 0o444, "the gate is not root"
    assert Path(config["keys"]["file"]).name in only("Secret")["data"]

    run_dir = mounts[str(Path(config["control"]["socket"]).parent)]
    assert "emptyDir" in volumes[run_dir["name"]] and not run_dir.get("readOnly")

    served = Path(gate()["args"][gate()["args"].index("-c") + 1])
    assert served.name in volumes_config_map(volumes[mounts[str(served.parent)]["name"]])["data"]


@check
def new_keys_do_not_roll_the_pods():
    assert only("Secret")["metadata"]["name"] == "keygate-keys"


@check
def embedded_config_is_the_sidecar_config():
    text = (ROOT / "config/sidecar.yaml").read_text()
    assert (SIDECAR / "keygate.yaml").read_text() == text
    assert rendered_config() == text


@check
def the_config_can_be_replaced():
    before = with_sidecar(deployment())
    mine = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "keygate-config"}, "data": {"keygate.yaml": ""}}
    after = with_sidecar(deployment(), patches=[{"patch": yaml.safe_dump(mine)}])
    names = [v["configMap"]["name"] for p in (before, after) for v in p["volumes"] if v["name"] == "keygate-config"]
    assert names[0] != names[1], "a new config rolls the pods"


@check
def image_is_of_this_version():
    tag = package()["version"]
    patch = yaml.safe_load((SIDECAR / "sidecar.yaml").read_text())
    assert patch["spec"]["template"]["spec"]["initContainers"][0]["image"] == f"keygate:{tag}"
    assert gate()["image"] == f"registry.example.com/keygate:{tag}"


# === Prometheus ===


@check
def scrape_configs_are_valid():
    run(os.environ["PROMTOOL"], "check", "config", "deploy/prometheus/scrape.yaml")
    # Debian builds its promtool without Kubernetes: the discovery is one of another kind for it, all else is as shipped.
    text = (ROOT / "deploy/prometheus/scrape-kubernetes.yaml").read_text()
    discovery = "kubernetes_sd_configs:\n      - role: pod\n"
    assert text.count(discovery) == 1
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        file.write(text.replace(discovery, "file_sd_configs:\n      - files: [none.yaml]\n"))
        file.flush()
        run(os.environ["PROMTOOL"], "check", "config", file.name)


@check
def scrape_configs_find_the_gate():
    (known,) = yaml.safe_load((ROOT / "deploy/prometheus/scrape.yaml").read_text())["scrape_configs"]
    (sidecars,) = yaml.safe_load((ROOT / "deploy/prometheus/scrape-kubernetes.yaml").read_text())["scrape_configs"]
    full = yaml.safe_load((ROOT / "config/keygate.yaml").read_text())
    assert known["static_configs"] == [{"targets": [full["status"]["address"]]}]
    keep = {r["source_labels"][0]: r["regex"] for r in sidecars["relabel_configs"] if r.get("action") == "keep"}
    assert keep == {
        "__meta_kubernetes_pod_label_keygate_dev_inject": pod_labels()["keygate.dev/inject"],
        "__meta_kubernetes_pod_container_port_name": "status",
    }, keep


@check
def pod_monitor_is_valid_and_finds_the_gate():
    (monitor,) = render({"components": ["../components/monitoring"]}, {})
    # The models ignore fields that they do not know, so a misspelt one is what does not come back.
    read = PodMonitor.model_validate(monitor).model_dump(by_alias=True, exclude_unset=True, mode="json")
    assert read == monitor, read
    assert monitor["spec"]["selector"]["matchLabels"].items() <= pod_labels().items()
    (endpoint,) = monitor["spec"]["podMetricsEndpoints"]
    assert (endpoint["port"], endpoint["path"]) == ("status", "/metrics")


# === image ===


@check
def dockerfile_passes_hadolint():
    run(tool("hadolint"), "--failure-threshold", "info", "deploy/Dockerfile")


@check
def dockerfile_fits_the_rest():
    lines = re.sub(r"\\\n\s*", "", (ROOT / "deploy/Dockerfile").read_text()).splitlines()
    build, final = [line for line in lines if line.startswith("FROM ")]
    assert re.fullmatch(rf"FROM rust:{re.escape(package()['rust_version'])}(\.\d+)?-bookworm AS build", build), build
    assert re.fullmatch(r"FROM gcr\.io/distroless/cc-debian12:nonroot", final), "bookworm is Debian 12: same glibc"
    last = lines[lines.index(final) :]
    user = f"{gate()['securityContext']['runAsUser']}:{gate()['securityContext']['runAsGroup']}"
    assert f"USER {user}" in last
    assert 'ENTRYPOINT ["/keygate"]' in last
    assert f"CMD {gate()['args']}".replace("'", '"') in last
    assert "EXPOSE " + " ".join(str(p["containerPort"]) for p in gate()["ports"]) in last
    run_dir = str(Path(sidecar_config()["control"]["socket"]).parent)
    assert f"COPY --from=build --chown={user} /out{run_dir} {run_dir}" in last


@check
def build_context_has_what_cargo_reads():
    ignored = set((ROOT / ".dockerignore").read_text().split())
    members = [str(Path(p["manifest_path"]).relative_to(ROOT).parent) for p in metadata()["packages"]]
    assert "." in members and len(members) > 1, members
    for path in ["Cargo.toml", "Cargo.lock", "LICENSE", "src", *members]:
        assert not {path, path.split("/")[0]} & ignored, path
    assert {".git", "**/target"} <= ignored


# === files that people read ===


@check
def yaml_is_tidy():
    files = [str(f) for d in ("config", "deploy") for f in sorted((ROOT / d).rglob("*.y*ml"))]
    assert len(files) > 10, files
    run(tool("yamllint"), "--strict", "-c", "tests/external/deploy/yamllint.yaml", *files)


@check
def configs_name_their_schema():
    for name in ("minimal", "keygate", "sidecar"):
        first = (ROOT / f"config/{name}.yaml").read_text().splitlines()[0]
        assert first == "# yaml-language-server: $schema=keygate.schema.json", name


@check
def example_keys_are_well_formed_and_hold_no_secret():
    for file in (ROOT / "config/keys.yaml", EXAMPLE / "keys.yaml"):
        text = file.read_text()
        assert not re.search(r"sk_(live|test)_[0-9A-Za-z]{8}", text), f"{file} holds a secret key"
        for key in yaml.safe_load(text)["keys"]:
            if "digest" in key:
                assert key["kind"] == "secret" and re.fullmatch(r"sha256\$[0-9a-f]{64}", key["digest"]), key["id"]
                continue
            body = key["key"].removeprefix(f"pk_{key['environment']}_")
            assert key["kind"] == "publishable" and re.fullmatch(r"[0-9A-Za-z]{50}", body), key["id"]
            assert key["key"][-6:] == checksum(key["key"][:-6]), key["id"]


@check
def shell_scripts_pass_shellcheck():
    files = [f for p in ("scripts/*", ".ci/run", "tests/external/*/run") for f in sorted(ROOT.glob(p)) if f.is_file()]
    scripts = ["scripts/lib/setup.sh"] + [str(f.relative_to(ROOT)) for f in files if "bash" in first_line(f)]
    assert {"scripts/demo", "scripts/test", ".ci/run"} <= set(scripts), scripts
    run(tool("shellcheck"), "-x", *scripts)
    assert all(os.access(ROOT / s, os.X_OK) for s in scripts if not s.endswith(".sh"))


if os.environ.get("KEYGATE_BIN"):

    @check
    def the_gate_accepts_what_the_example_mounts():
        with tempfile.TemporaryDirectory() as directory:
            keys = Path(directory, "keys.yaml")
            keys.write_bytes(base64.b64decode(only("Secret")["data"]["keys.yaml"]))
            config = Path(directory, "keygate.yaml")
            config.write_text(rendered_config().replace(sidecar_config()["keys"]["file"], str(keys)))
            run(os.environ["KEYGATE_BIN"], "check", "-c", str(config))


# === helpers ===


def run(*command):
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, f"{Path(command[0]).name} says:\n{done.stdout}{done.stderr}"
    return done.stdout


def metadata():
    return json.loads(run("cargo", "metadata", "--no-deps", "--locked", "--format-version", "1"))


def package():
    (item,) = [p for p in metadata()["packages"] if p["name"] == "keygate"]
    return item


def tool(name):
    return str(Path(os.environ["VENV"], "bin", name))


def kustomize(directory):
    return list(yaml.safe_load_all(run(os.environ["KUBECTL"], "kustomize", str(directory))))


def render(overlay, files):
    # Beside a copy of the components, because kustomize wants their paths relative.
    with tempfile.TemporaryDirectory() as directory:
        shutil.copytree(KUSTOMIZE / "components", Path(directory, "components"))
        Path(directory, "overlay").mkdir()
        for name, text in {"kustomization.yaml": yaml.safe_dump(overlay), **files}.items():
            Path(directory, "overlay", name).write_text(text)
        return kustomize(Path(directory, "overlay"))


def deployment(**spec):
    labels = {"app": "any"}
    container = {"name": "backend", "image": "backend:1"}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "backend", "labels": {"keygate.dev/inject": "true"}},
        "spec": {
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": [container], **spec}},
        },
    }


def with_sidecar(item, **more):
    overlay = {"components": ["../components/sidecar"], "resources": ["deployment.yaml"], **more}
    items = render(overlay, {"deployment.yaml": yaml.safe_dump(item)})
    (rendered,) = [i for i in items if i["kind"] == "Deployment"]
    return rendered["spec"]["template"]["spec"]


RENDERED = []


def example():
    if not RENDERED:
        RENDERED.extend(kustomize(EXAMPLE))
    return RENDERED


def only(kind):
    (item,) = [i for i in example() if i["kind"] == kind]
    return item


def pod():
    return only("Deployment")["spec"]["template"]["spec"]


def pod_labels():
    return only("Deployment")["spec"]["template"]["metadata"]["labels"]


def gate():
    (container,) = [c for c in pod()["initContainers"] if c["name"] == "keygate"]
    return container


def volumes_config_map(volume):
    (item,) = [i for i in example() if i["metadata"]["name"] == volume["configMap"]["name"]]
    return item


def rendered_config():
    (volume,) = [v for v in pod()["volumes"] if v["name"] == "keygate-config"]
    return volumes_config_map(volume)["data"]["keygate.yaml"]


def sidecar_config():
    return yaml.safe_load(rendered_config())


def port_of(address):
    return int(address.rsplit(":", 1)[1])


def free_port():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


def connects(address, port):
    try:
        socket.create_connection((address, port), timeout=2).close()
        return True
    except OSError:
        return False


def wait_until(condition, what):
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline, f"waited in vain until {what}"
        time.sleep(0.05)


def first_line(file):
    return file.read_text().split("\n", 1)[0]


def checksum(text):
    rest, digits = zlib.crc32(text.encode()), ""
    for _ in range(6):
        rest, digit = divmod(rest, 62)
        digits = BASE62[digit] + digits
    return digits


def main():
    passed = failed = 0
    for function in CHECKS:
        name = function.__name__.replace("_", " ")
        try:
            function()
        except Exception as error:
            failed += 1
            where = traceback.extract_tb(error.__traceback__)[-1]
            print(f"FAILED  {name}\n        {type(error).__name__}: {error}\n        {where.lineno}: {where.line}")
        else:
            passed += 1
            print(f"ok      {name}")
    print(f"{passed} passed, {failed} failed")
    sys.exit(failed > 0)


main()
