"""Every kind that the API declares, with the real kubectl (protobuf bodies from 1.32 on) and the real helm."""

import json
import os
import subprocess

from packages import helm

# What `kubectl create` makes with typed requests, and what `get` prints of it.
CREATED = [
    (["configmap", "c", "--from-literal=x=1"], "configmap/c", "get configmap c", "c 1"),
    (["secret", "generic", "s", "--from-literal=p=w"], "secret/s", "get secret s", "s Opaque 1"),
    (["serviceaccount", "sa"], "serviceaccount/sa", "get sa sa", "sa 0"),
    (["service", "clusterip", "svc", "--tcp=80:8080"], "service/svc", "get svc svc",
     "svc ClusterIP 10.43."),
    (["quota", "q", "--hard=cpu=1,pods=2"], "resourcequota/q", "get quota q", "q"),
    (["deployment", "d", "--image=nothing/here", "--replicas=0"], "deployment.apps/d", "get deploy d", "d 0/0 0 0"),
    (["job", "j", "--image=nothing/here", "--", "true"], "job.batch/j", "get job j", "j Running 0/1"),
    (["cronjob", "cj", "--image=nothing/here", "--schedule=*/5 * * * *", "--", "true"], "cronjob.batch/cj",
     "get cj cj", "cj */5 * * * * <none> False 0 <none>"),
    (["ingress", "i", "--rule=a.example/=svc:80"], "ingress.networking.k8s.io/i", "get ing i", "i <none> a.example 80"),
    (["pdb", "p", "--selector=app=d", "--min-available=1"], "poddisruptionbudget.policy/p", "get pdb p", "p 1 N/A 0"),
    (["role", "r", "--verb=get", "--resource=pods"], "role.rbac.authorization.k8s.io/r", "get role r", "r"),
    (["rolebinding", "rb", "--role=r", "--user=bob"], "rolebinding.rbac.authorization.k8s.io/rb",
     "get rolebinding rb", "rb Role/r"),
    (["clusterrole", "cr", "--verb=get", "--resource=pods"], "clusterrole.rbac.authorization.k8s.io/cr",
     "get clusterrole cr", "cr"),
    (["clusterrolebinding", "crb", "--clusterrole=cr", "--group=devs"],
     "clusterrolebinding.rbac.authorization.k8s.io/crb", "get clusterrolebinding crb", "crb ClusterRole/cr"),
    (["priorityclass", "pc", "--value=10"], "priorityclass.scheduling.k8s.io/pc", "get pc pc", "pc 10 false"),
]


def test_kubectl_creates_every_kind(agent):
    """Each verb of `kubectl create`, as protobuf, and its row."""
    for arguments, name, get, row in CREATED:
        assert agent.kubectl("create", *arguments).stdout == f"{name} created\n"
        cells = agent.kubectl(*get.split(), "--no-headers").stdout.split()
        assert " ".join(cells).startswith(row), (arguments, cells)
    scaled = agent.kubectl("autoscale", "deployment", "d", "--max=3", "--cpu-percent=50").stdout
    assert scaled == "horizontalpodautoscaler.autoscaling/d autoscaled\n"
    assert "cpu: <unknown>/50%" in agent.kubectl("get", "hpa", "d").stdout
    refused = agent.kubectl("create", "cronjob", "bad", "--image=a/b", "--schedule=61 * * * *", "--", "true", check=False)
    assert refused.returncode == 1
    assert refused.stderr == (
        'error: failed to create cronjob: CronJob.batch "bad" is invalid: spec.schedule: Invalid value: "61 * * * *": '
        "end of range (61) above maximum (59): 61\n")


def test_objects_of_declared_kinds_live_as_others_do(agent):
    """Applied, patched, scaled, explained, selected, and gone with their namespace."""
    k = agent.kubectl
    k("create", "namespace", "team")
    template = {"metadata": {"labels": {"app": "x"}}, "spec": {"containers": [{"name": "c", "image": "nothing/here"}]}}
    stateful = {"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": "x", "namespace": "team"},
                "spec": {"serviceName": "x", "replicas": 0, "selector": {"matchLabels": {"app": "x"}},
                         "template": template}}
    assert k("apply", "-f", "-", input=json.dumps(stateful)).stdout == "statefulset.apps/x created\n"
    assert k("apply", "-f", "-", input=json.dumps(stateful)).stdout == "statefulset.apps/x unchanged\n"
    assert k("scale", "sts/x", "--replicas=2", "-n", "team").stdout == "statefulset.apps/x scaled\n"
    assert k("get", "sts", "x", "-n", "team", "--no-headers").stdout.split()[:2] == ["x", "0/2"]
    service = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "x", "namespace": "team"},
               "spec": {"selector": {"app": "x"}, "ports": [{"name": "http", "port": 80}]}}
    k("apply", "-f", "-", input=json.dumps(service))
    # A strategic merge by port and protocol: the second port is added, the first stays.
    k("patch", "svc", "x", "-n", "team", "-p", '{"spec":{"ports":[{"name":"tls","port":443}]}}')
    ports = k("get", "svc", "x", "-n", "team", "-o", "jsonpath={.spec.ports[*].port}").stdout.split()
    assert sorted(ports) == ["443", "80"]
    assert "ports" in k("explain", "service.spec").stdout
    unknown = k("apply", "-f", "-", input=json.dumps(service | {"spec": service["spec"] | {"prots": []}}), check=False)
    assert 'unknown field "spec.prots"' in unknown.stderr
    frozen = k("patch", "sts", "x", "-n", "team", "-p", '{"spec":{"serviceName":"y"}}', check=False)
    assert "updates to statefulset spec for fields other than" in frozen.stderr
    k("delete", "namespace", "team")
    assert agent.get("/apis/apps/v1/namespaces/team/statefulsets/x")[0] == 404


def test_helm_installs_upgrades_and_goes_back(agent, tmp_path):
    """A chart as `helm create` makes it, with Service, ServiceAccount, Ingress and autoscaler."""
    binary = helm()
    environment = os.environ | {"KUBECONFIG": str(agent.kubeconfig()), "HOME": str(tmp_path)}

    def h(*arguments: str) -> str:
        done = subprocess.run([binary, *arguments], env=environment, cwd=tmp_path, capture_output=True, text=True,
                              timeout=120)
        assert done.returncode == 0, done.stderr
        return done.stdout
    h("create", "web")
    installed = h("install", "web", "./web", "--set", "ingress.enabled=true", "--set", "replicaCount=0")
    assert "STATUS: deployed" in installed and "REVISION: 1" in installed
    assert "web-0.1.0" in h("list")
    for kind in ("deployment", "service", "serviceaccount", "ingress"):
        assert agent.kubectl("get", kind, "web", "-o", "name").stdout.endswith("/web\n")
    h("upgrade", "web", "./web", "--set", "autoscaling.enabled=true", "--set", "image.repository=nothing/here")
    assert agent.kubectl("get", "hpa", "web", "-o", "name").returncode == 0
    assert agent.kubectl("get", "ingress", "web", check=False).returncode == 1
    h("rollback", "web", "1")
    history = h("history", "web")
    assert [line.split()[0] for line in history.splitlines()[1:]] == ["1", "2", "3"] and "Rollback to 1" in history
    assert agent.kubectl("get", "hpa", "web", check=False).returncode == 1
    assert "REVISION: 3" in h("status", "web")
    assert h("uninstall", "web") == 'release "web" uninstalled\n'
    for kind in ("deployment", "service", "serviceaccount", "ingress"):
        assert agent.kubectl("get", kind, "web", check=False).returncode == 1


def test_kubectl_prints_what_has_no_effect(agent):
    """Fields and kinds that change nothing here are told of when they are written, and only then."""
    def told(document) -> list[str]:
        return agent.kubectl("apply", "-f", "-", input=json.dumps(document)).stderr.splitlines()

    container = {"name": "c", "image": "nothing/here", "imagePullPolicy": "Never"}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"},
           "spec": {"shareProcessNamespace": True, "containers": [container | {"ports": [{"containerPort": 80, "hostPort": 8080}]}]}}
    assert told(pod) == [
        "Warning: spec.shareProcessNamespace: has no effect: each container sees its own processes only; kubectl debug --target looks into one",
        "Warning: spec.containers[0].ports[0].hostPort: has no effect: nothing forwards the port; use hostNetwork: true"]
    assert told(pod) == [] and agent.kubectl("label", "pod", "p", "a=b").stderr == ""

    def deployment(**fields) -> dict:
        template = {"metadata": {"labels": {"app": "d"}}, "spec": {"containers": [container], **fields}}
        return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "d"},
                "spec": {"replicas": 0, "selector": {"matchLabels": {"app": "d"}}, "template": template}}
    assert told(deployment(shareProcessNamespace=False, schedulerName="default-scheduler", priorityClassName="low")) == []
    assert told(deployment(hostUsers=False)) == [
        "Warning: spec.template.spec.hostUsers: has no effect: pods get no user namespace; use securityContext.runAsUser"]
    created = agent.kubectl("create", "job", "j", "--image=nothing/here")
    assert created.stdout == "job.batch/j created\n"
    assert created.stderr == "Warning: Job: has no effect: no pods are made; use a Pod with restartPolicy: OnFailure\n"
    applied = agent.cli("apply", "-f", "-", input=json.dumps(pod | {"metadata": {"name": "q"}}))
    assert applied.stdout == "pod/q created\n" and applied.stderr.startswith("Warning: spec.shareProcessNamespace: has no effect: ")
