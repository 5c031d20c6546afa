"""Enough of a Kubernetes API server for `helm template --dry-run=server`: discovery, and the objects that it is given.

    kubernetes_api.py KUBECONFIG [KIND/NAME…]

Serves the named objects, in every namespace and without content, writes a kubeconfig that leads here, prints `ready` and goes on
until standard input ends.
"""

import http.server
import json
import pathlib
import sys
import threading

KINDS = {
    "v1": ["Namespace", "PersistentVolumeClaim", "Pod", "Secret", "Service", "ServiceAccount"],
    "apps/v1": ["Deployment"],
    "batch/v1": ["Job"],
    "networking.k8s.io/v1": ["NetworkPolicy"],
    "policy/v1": ["PodDisruptionBudget"],
}
THERE = {tuple(name.split("/")) for name in sys.argv[2:]}


def plural(kind: str) -> str:
    return kind.lower().replace("policy", "policie") + "s"


def resources(version: str) -> dict:
    kinds = [
        {"name": plural(kind), "singularName": kind.lower(), "namespaced": kind != "Namespace", "kind": kind, "verbs": ["get"]}
        for kind in KINDS[version]
    ]
    return {"kind": "APIResourceList", "groupVersion": version, "resources": kinds}


def groups() -> dict:
    versions = [(version.split("/")[0], {"groupVersion": version, "version": "v1"}) for version in KINDS if "/" in version]
    found = [{"name": name, "versions": [version], "preferredVersion": version} for name, version in versions]
    return {"kind": "APIGroupList", "apiVersion": "v1", "groups": found}


def answer(path: str) -> tuple[int, dict]:
    fixed = {
        "/version": {"major": "1", "minor": "31", "gitVersion": "v1.31.0"},
        "/api": {"kind": "APIVersions", "versions": ["v1"]},
        "/apis": groups(),
    }
    if path in fixed:
        return 200, fixed[path]
    version = path.removeprefix("/api/").removeprefix("/apis/")
    if version in KINDS:
        return 200, resources(version)
    for kind, name in THERE:
        if path.endswith(f"/{plural(kind)}/{name}"):
            return 200, {"apiVersion": "v1", "kind": kind, "metadata": {"name": name}}
    return 404, {"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "NotFound", "code": 404}


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        status, body = answer(self.path.split("?")[0])
        text = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_: object) -> None:
        """Nobody reads it."""


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
threading.Thread(target=server.serve_forever, daemon=True).start()
cluster = {"name": "c", "cluster": {"server": f"http://127.0.0.1:{server.server_port}"}}
context = {"name": "c", "context": {"cluster": "c", "user": "u"}}
config = {"apiVersion": "v1", "kind": "Config", "current-context": "c", "clusters": [cluster], "contexts": [context]}
pathlib.Path(sys.argv[1]).write_text(json.dumps(config | {"users": [{"name": "u", "user": {}}]}))
print("ready", flush=True)
sys.stdin.read()
