"""What a gate that follows lets in while it cannot hear its manager: everything that was good for `max_stale`, nothing that was revoked before,
then nobody; and what was revoked meanwhile as soon as it hears again."""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

PROGRAM = Path(os.environ.get("KEYGATE_BIN", "target/debug/keygate")).resolve()
HERE = Path(__file__).parent
MANAGER, GATE = (f"keygate-{name}-{os.getpid()}" for name in ["manager", "gate"])
# Of a network that documents speak of (RFC 5737): it is nowhere but in these namespaces.
MANAGER_ADDRESS, GATE_ADDRESS = "192.0.2.1", "192.0.2.2"
# Its ends, in both.
LINK = "wire0"
MAX_STALE_S = 4
# Whatever is waited for comes long before, or never.
PATIENCE_S = 30


def main():
    with tempfile.TemporaryDirectory(prefix="keygate-partition-") as folder:
        network()
        try:
            checks(Path(folder))
        finally:
            for namespace in [MANAGER, GATE]:
                subprocess.run(["ip", "netns", "del", namespace], check=False)
    print("passed")


def checks(folder):
    manager, gate, backend = started(folder)
    try:
        good, revoked, later = (manager.new_key() for _ in range(3))
        gate.comes_to({good: 200, revoked: 200, later: 200})
        receipt = manager.revoke(revoked, 0)
        assert [one["acknowledged"] for one in receipt["gates"]] == [True, True], receipt
        gate.says({good: 200, revoked: 401})

        for name, cut, mend in [
            ("the link is down", ["ip", "link", "set", LINK, "down"], ["ip", "link", "set", LINK, "up"]),
            ("nothing comes from the manager", LOSE, KEEP),
        ]:
            in_namespace(MANAGER, *cut)
            began = time.monotonic()
            if later:
                receipt = manager.revoke(later, 3)
                assert not receipt["complete"] and not receipt["gates"][1]["acknowledged"], receipt
            asked = 0
            # A second before the end nothing is asked any more: what is under way then may be answered after it.
            while time.monotonic() - began < MAX_STALE_S - 1.5:
                gate.says({good: 200, revoked: 401})
                asked += 1
            gate.comes_to({good: 503, revoked: 503})
            stale_s = time.monotonic() - began
            in_namespace(MANAGER, *mend)
            began = time.monotonic()
            gate.comes_to({good: 200})
            back_s = time.monotonic() - began
            gate.says({revoked: 401, **({later: 401} if later else {})})
            later = None
            print(f"ok      {name}: 0 of {2 * asked} answers wrong, nobody let in after {stale_s:.1f} s, all as it should be {back_s:.1f} s after")
    finally:
        for process in [manager.process, gate.process, gate.asker, backend]:
            process.terminate()
        for process in [manager.process, gate.process]:
            process.wait(PATIENCE_S)


# To a neighbour that is nobody: what is sent is lost, and nobody is told.
LOSE = ["ip", "neighbour", "replace", GATE_ADDRESS, "lladdr", "02:00:00:00:00:01", "dev", LINK, "nud", "permanent"]
KEEP = ["ip", "neighbour", "del", GATE_ADDRESS, "dev", LINK]



def network():
    def ip(*arguments):
        subprocess.run(["ip", *arguments], check=True)

    ip("netns", "add", MANAGER)
    ip("netns", "add", GATE)
    # Both ends are made where they belong: no name of this machine's own network is touched.
    ip("-n", MANAGER, "link", "add", "name", LINK, "type", "veth", "peer", "name", LINK, "netns", GATE)
    for namespace, address in [(MANAGER, MANAGER_ADDRESS), (GATE, GATE_ADDRESS)]:
        ip("-n", namespace, "address", "add", f"{address}/30", "dev", LINK)
        ip("-n", namespace, "link", "set", LINK, "up")
        ip("-n", namespace, "link", "set", "lo", "up")


def in_namespace(namespace, *command, **how):
    return subprocess.run(["ip", "netns", "exec", namespace, *command], check=True, **how)


def started(folder):
    certificate(folder)
    manager = Manager(folder / "manager", {
        "keys": {"sqlite": "keygate.db"},
        "admin": {"address": f"{MANAGER_ADDRESS}:9181", "tls": {"certificate": str(folder / "cert.pem"), "key": str(folder / "key.pem")}},
    })
    backend = subprocess.Popen(["ip", "netns", "exec", GATE, sys.executable, HERE / "backend.py"], stdout=subprocess.PIPE, text=True)
    (folder / "token").write_text(manager.does("admin-token", "create", "--name", "edge", "--role", "gate"))
    gate = Following(folder / "gate", backend.stdout.readline().strip(), {
        "keys": {
            "url": f"https://{MANAGER_ADDRESS}:9181/v1/snapshot",
            "token": {"file": str(folder / "token")},
            "verify": manager.does("gates", "verify-key"),
            "ca": str(folder / "cert.pem"),
            "cache": "cache.db",
            "max_stale": f"{MAX_STALE_S}s",
        },
    })
    return manager, gate, backend


def certificate(folder):
    subprocess.run([
        "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "1",
        "-subj", "/CN=manager", "-addext", f"subjectAltName=IP:{MANAGER_ADDRESS}", "-addext", "basicConstraints=critical,CA:FALSE",
        "-keyout", folder / "key.pem", "-out", folder / "cert.pem",
    ], check=True, capture_output=True)


class Gate:
    """A gate in a namespace."""

    def __init__(self, namespace, folder, upstream, config):
        folder.mkdir()
        self.config, self.namespace = folder / "keygate.yaml", namespace
        # JSON is YAML.
        self.config.write_text(json.dumps({
            "listeners": [{"address": "127.0.0.1:8080"}],
            "upstream": upstream,
            "environments": ["live"],
            "routes": [{"name": "all", "match": {"path": "/**"}, "operation": "any", "enforce_inside": "backend"}],
            "control": {"socket": "control.sock"},
            **config,
        }))
        self.socket = folder / "control.sock"

    def serve(self):
        command = ["ip", "netns", "exec", self.namespace, PROGRAM, "serve", "-c", self.config]
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
        for line in self.process.stderr:
            if '"control socket"' in line:
                break
        else:
            raise AssertionError(f"{self.namespace} did not start")
        # Read on, so that what it says never waits for a reader.
        subprocess.Popen(["cat"], stdin=self.process.stderr, stdout=subprocess.DEVNULL)


class Manager(Gate):
    def __init__(self, folder, config):
        super().__init__(MANAGER, folder, "127.0.0.1:9", config)
        self.ids = {}
        self.run("admin-token", "create", "--name", "first", "-c", self.config)
        self.serve()
        self.does("apps", "create", "demo")

    @staticmethod
    def run(*arguments, codes=(0,)):
        done = subprocess.run([PROGRAM, *arguments], capture_output=True, text=True, check=False)
        assert done.returncode in codes, f"{arguments}: {done.stderr}"
        return done.stdout.strip()

    def does(self, *arguments, codes=(0,)):
        return self.run(*arguments, "--socket", self.socket, codes=codes)

    def new_key(self):
        made = json.loads(self.does("keys", "create", "--app", "demo", "--kind", "secret", "-o", "json"))
        self.ids[made["secret"]] = made["key"]["id"]
        return made["secret"]

    def revoke(self, key, code):
        wait = "10s" if code == 0 else "300ms"
        return json.loads(self.does("keys", "revoke", self.ids[key], "--yes", "--wait", wait, "-o", "json", codes=(code,)))["receipt"]


class Following(Gate):
    def __init__(self, folder, upstream, config):
        super().__init__(GATE, folder, upstream, config)
        self.serve()
        asker = ["ip", "netns", "exec", GATE, sys.executable, HERE / "ask.py"]
        self.asker = subprocess.Popen(asker, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(self, key):
        print(key, file=self.asker.stdin, flush=True)
        return int(self.asker.stdout.readline())

    def says(self, wanted):
        said = {key: self.ask(key) for key in wanted}
        assert said == wanted, f"{list(said.values())} instead of {list(wanted.values())}"

    def comes_to(self, wanted):
        deadline = time.monotonic() + PATIENCE_S
        while any(self.ask(key) != status for key, status in wanted.items()):
            assert time.monotonic() < deadline, f"never {list(wanted.values())}"


if __name__ == "__main__":
    main()
