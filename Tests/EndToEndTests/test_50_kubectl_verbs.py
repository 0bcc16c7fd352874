"""What test_40 leaves of kubectl's verbs and their options, with the same four minors at once: output and exit status.

One agent serves the whole file; each client has a namespace of its own for each case.
"""

import json
import subprocess
from concurrent.futures import ThreadPoolExecutor

from harness import SLEEP, pod, run, wait_for
from python_objects import OBJECTS
from test_40_kubectl_minors import MINORS, Client, manifest


def client(device, minor, name):
    home = device.directory / f"home-{minor}"
    home.mkdir(exist_ok=True)
    made = Client(device, minor, home)
    made.minor, made.home, made.namespace = minor, home, f"{name}-{minor.replace('.', '-')}"
    made.number = 99 if minor == "newest" else int(minor.split(".")[1])
    return made


def every_minor(device, name, check, together=True):
    """Runs `check` with each client; the first that fails says which it was."""
    clients = [client(device, minor, name) for minor in MINORS]
    for k in clients:
        k("create", "namespace", k.namespace)

    def one(k):
        try:
            check(k)
        except AssertionError as error:
            raise AssertionError(f"kubectl {k.minor}: {error}") from error

    with ThreadPoolExecutor(len(clients) if together else 1) as pool:
        for done in [pool.submit(one, k) for k in clients]:
            done.result()
    for k in clients:
        k("delete", "namespace", k.namespace, "--wait=false")


def said(k, *arguments, code=1, input=None):
    """What a command that fails says."""
    done = k.run(*arguments, input=input)
    assert done.returncode == code, (arguments, done.returncode, done.stdout, done.stderr)
    return done.stderr


def documents(*objects):
    return "\n".join(json.dumps(o) for o in objects)


def config_map(name, labels=None, **data):
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, **({"labels": labels} if labels else {})},
            "data": data}


def words(text):
    return " ".join(text.split())


def test_create_in_every_form(device, tmp_path):
    run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout",
        tmp_path / "k.pem", "-out", tmp_path / "c.pem", "-subj", "/CN=a.example")
    (tmp_path / "f.txt").write_text("first\n")
    (tmp_path / "e.env").write_text("A=1\n# no\nB=2\n")

    def check(k):
        unique = k.namespace
        for arguments, name in [
            (["configmap", "lit", "--from-literal=a=1"], "configmap/lit"),
            (["configmap", "file", f"--from-file={tmp_path}/f.txt", f"--from-file=other={tmp_path}/f.txt"], "configmap/file"),
            (["configmap", "env", f"--from-env-file={tmp_path}/e.env"], "configmap/env"),
            (["secret", "generic", "gen", "--from-literal=p=w", "--type=a.example/t"], "secret/gen"),
            (["secret", "docker-registry", "reg", "--docker-server=r.example", "--docker-username=u",
              "--docker-password=p"], "secret/reg"),
            (["secret", "tls", "tls", f"--cert={tmp_path}/c.pem", f"--key={tmp_path}/k.pem"], "secret/tls"),
            (["service", "clusterip", "cip", "--tcp=80:8080"], "service/cip"),
            (["service", "clusterip", "headless", "--clusterip=None"], "service/headless"),
            (["service", "nodeport", "np", "--tcp=80:8080"], "service/np"),
            (["service", "loadbalancer", "lb", "--tcp=80"], "service/lb"),
            (["service", "externalname", "ext", "--external-name=a.example"], "service/ext"),
            (["serviceaccount", "sa"], "serviceaccount/sa"),
            (["quota", "q", "--hard=pods=9,services=9"], "resourcequota/q"),
            (["role", "r", "--verb=get,list", "--resource=pods,deployments.apps", "--resource-name=x"],
             "role.rbac.authorization.k8s.io/r"),
            (["rolebinding", "rb", "--role=r", "--user=u", "--group=g", "--serviceaccount=default:sa"],
             "rolebinding.rbac.authorization.k8s.io/rb"),
            (["clusterrole", unique, "--verb=get", "--non-resource-url=/metrics"],
             f"clusterrole.rbac.authorization.k8s.io/{unique}"),
            (["clusterrole", f"{unique}-sum", "--aggregation-rule=a=b"], f"clusterrole.rbac.authorization.k8s.io/{unique}-sum"),
            (["clusterrolebinding", unique, f"--clusterrole={unique}", "--user=u"],
             f"clusterrolebinding.rbac.authorization.k8s.io/{unique}"),
            (["poddisruptionbudget", "pdb", "--selector=app=d", "--max-unavailable=50%"], "poddisruptionbudget.policy/pdb"),
            (["priorityclass", unique, "--value=10", "--description=d", "--preemption-policy=Never"],
             f"priorityclass.scheduling.k8s.io/{unique}"),
            (["ingress", "i", "--class=c", "--rule=a.example/x*=cip:80,tls=tls", "--default-backend=cip:80"],
             "ingress.networking.k8s.io/i"),
            (["deployment", "d", "--image=nothing/here", "--replicas=0", "--port=80"], "deployment.apps/d"),
            (["cronjob", "cj", "--image=nothing/here", "--schedule=@yearly", "--", "true"], "cronjob.batch/cj"),
            (["job", "j", "--image=nothing/here", "--", "true"], "job.batch/j"),
            (["job", "from", "--from=cronjob/cj"], "job.batch/from"),
        ]:
            assert k("create", *arguments) == f"{name} created\n"
            end = arguments.index("--") if "--" in arguments else len(arguments)
            assert k("create", *arguments[:end], "--dry-run=client", "-o", "name", *arguments[end:]) == f"{name}\n"
            refusal = said(k, "create", *arguments)
            assert f'"{name.split("/")[1]}" already exists' in refusal, refusal
        assert json.loads(k("get", "cm", "file", "-o", "json"))["data"] == {"f.txt": "first\n", "other": "first\n"}
        assert json.loads(k("get", "cm", "env", "-o", "json"))["data"] == {"A": "1", "B": "2"}
        assert k("get", "secret", "--no-headers", "-o", "custom-columns=N:.metadata.name,T:.type").split() == [
            "gen", "a.example/t", "reg", "kubernetes.io/dockerconfigjson", "tls", "kubernetes.io/tls"]
        assert k("get", "svc", "-o", "jsonpath={range .items[*]}{.metadata.name}={.spec.type} {end}").split() == [
            "cip=ClusterIP", "ext=ExternalName", "headless=ClusterIP", "lb=LoadBalancer", "np=NodePort"]
        assert k("get", "ing", "i", "-o", "jsonpath={.spec.rules[0].http.paths[0].pathType}") == "Prefix"
        owner = json.loads(k("get", "job", "from", "-o", "json"))["metadata"]
        assert owner["annotations"]["cronjob.kubernetes.io/instantiate"] == "manual"
        assert owner["ownerReferences"][0]["kind"] == "CronJob"
        assert said(k, "create", "deployment", "Bad", "--image=a/b").startswith(
            'error: failed to create deployment: Deployment.apps "Bad" is invalid: metadata.name: Invalid value: "Bad": a '
            "lowercase RFC 1123 subdomain must consist of")
        assert "exactly one NAME is required" in said(k, "create", "configmap")
        for kind in ("clusterrole", "clusterrolebinding", "priorityclass"):
            k("delete", kind, unique)
        k("delete", "clusterrole", f"{unique}-sum")
    every_minor(device, "create", check)


def test_get_in_every_form(device, tmp_path):
    (tmp_path / "columns").write_text("NAME          DATA\n.metadata.name  .data.a\n")
    (tmp_path / "path").write_text("{.items[*].data.a}")

    def check(k):
        k("apply", "-f", "-", input=documents(config_map("a", {"n": "2"}, a="y"), config_map("b", {"n": "1"}, a="x"),
                                              json.loads(manifest(0))))
        rows = k("get", "cm", "-l", "n", "--sort-by=.data.a", "--no-headers").splitlines()
        assert [row.split()[0] for row in rows] == ["b", "a"]
        assert k("get", "cm", "-l", "n in (1)", "-o", "name") == "configmap/b\n"
        assert k("get", "cm/a", "cm/b", "-o", "name") == "configmap/a\nconfigmap/b\n"
        assert k("get", "cm,deploy", "-l", "n!=9,n", "-o", "name") == "configmap/a\nconfigmap/b\n"
        assert k("get", "cm", "-l", "n", "-o", f"custom-columns-file={tmp_path}/columns").split() == [
            "NAME", "DATA", "a", "y", "b", "x"]
        assert k("get", "cm", "-l", "n", "-o", f"jsonpath-file={tmp_path}/path") == "y x"
        assert k("get", "cm", "-l", "n", "-o", "jsonpath={.items[?(@.data.a=='x')].metadata.name}") == "b"
        assert k("get", "cm", "-l", "n", "-o", "go-template={{range .items}}{{.data.a}}{{end}}") == "yx"
        assert k("get", "cm", "-l", "n", "-L", "n", "--no-headers").split()[-1] == "1"
        assert k("get", "cm", "a", "--show-labels", "--no-headers").split()[-1] == "n=2"
        assert k("get", "cm", "a", "--show-kind", "--no-headers").split()[0] == "configmap/a"
        assert k("get", "cm", "-l", "n", "--chunk-size=1", "-o", "name") == "configmap/a\nconfigmap/b\n"
        assert json.loads(k("get", "cm", "-o", "json"))["kind"] == "List"
        assert k("get", "cm", "a", "-o", "yaml").startswith("apiVersion: v1\ndata:\n  a: \"y\"\nkind: ConfigMap\nmetadata:\n")
        assert "managedFields" not in k("get", "cm", "a", "-o", "yaml")
        assert k("get", "cm", "a", "-o", "yaml", "--output-watch-events=false") == k("get", "cm", "a", "-o", "yaml")
        assert k("get", "deploy", "web", "--subresource=status", "-o", "jsonpath={.metadata.name}") == "web"
        assert k("get", "deploy", "web", "--subresource=scale", "-o", "jsonpath={.kind}") == "Scale"
        text = k("get", "all")
        assert "deployment.apps/web" in text and "configmap" not in text
        assert json.loads(k("get", "--raw", "/version"))["major"] == "1"
        assert k("get", "-f", "-", "-o", "name", input=json.dumps(config_map("a"))) == "configmap/a\n"
        assert said(k, "get", "nonsense") == 'error: the server doesn\'t have a resource type "nonsense"\n'
        assert said(k, "get", "--raw", "/nonsense") == "Error from server (NotFound): the server could not find the requested resource\n"
        assert said(k, "get", "cm", "-l", "n=1", code=0, *["-n", "nowhere"]) == "No resources found in nowhere namespace.\n"
        assert said(k, "get", "cm", "a", "none") == 'Error from server (NotFound): configmaps "none" not found\n'
        assert said(k, "get", "cm", "--field-selector=data.a=x") == (
            'Error from server (BadRequest): Unable to find "/v1, Resource=configmaps" that match label selector "", field '
            'selector "data.a=x": field label not supported: data.a\n')
        assert said(k, "get", "cm", "-l", "n in 1").startswith(
            'Error from server (BadRequest): Unable to find "/v1, Resource=configmaps" that match label selector "n in 1"')
        assert said(k, "get", "cm", "a", "-l", "n").startswith("error: ")
        watching = subprocess.Popen(
            [k.program, "--kubeconfig", str(k.config), "-n", k.namespace, "get", "cm", "a", "-w", "--output-watch-events",
             "--no-headers"], stdout=subprocess.PIPE, text=True, env=k.environment)
        try:
            assert watching.stdout.readline().split()[:2] == ["ADDED", "a"]
            k("label", "cm", "a", "seen=1")
            assert watching.stdout.readline().split()[:2] == ["MODIFIED", "a"]
            k("delete", "cm", "a")
            assert watching.stdout.readline().split()[:2] == ["DELETED", "a"]
        finally:
            watching.terminate()
            watching.wait(10)
            watching.stdout.close()
    every_minor(device, "get", check)


DESCRIBED = {
    "configmap": "a: ---- 1", "secret": "p: 1 bytes", "service": "Port: http 80/TCP", "serviceaccount": "Image pull secrets: <none>",
    "endpoints": "Addresses: 10.1.2.3", "limitrange": "PersistentVolumeClaim storage - 1Gi", "replicationcontroller": "Replicas: 0 current",
    "persistentvolumeclaim": "StorageClass: none", "persistentvolume": "Path: /srv", "podtemplate": "Image: nothing/here",
    "resourcequota": "count/secrets", "deployment": "RollingUpdateStrategy: 0 max unavailable, 50% max surge",
    "replicaset": "Replicas: 0 current / 0 desired", "daemonset": "no=node", "statefulset": "Replicas: 0 desired",
    "controllerrevision": "Revision: 1", "job": "Parallelism: 1", "cronjob": "Schedule: @yearly",
    "ingress": "a.example / py:80", "ingressclass": "Controller: example.com/c", "networkpolicy": "CIDR: 10.0.0.0/8 Except: 10.1.0.0/16",
    "role": "pods [] [] [get list]", "rolebinding": "User bob", "clusterrole": "pods [] [] [get list]",
    "clusterrolebinding": "ServiceAccount s default", "poddisruptionbudget": "Min available: 50%",
    "endpointslice": "AddressType: IPv4", "lease": "Holder Identity: me", "storageclass": "Provisioner: example.com/p",
    "priorityclass": "Value: 100", "horizontalpodautoscaler": "resource cpu on pods", "event": "Reason: Tried",
}


def test_describe_of_every_kind(device):
    objects = [o[3] for o in OBJECTS if o[1] not in ("pod", "namespace", "node")]
    device.apply(objects)
    kinds = [o["kind"].lower() for o in objects]
    assert set(kinds) == set(DESCRIBED)

    def check(k):
        # One process for all of them: they are shown one after the other.
        text = k("describe", *[f"{kind}/py" for kind in kinds], "-n", "default")
        shown = [words(part) for part in text.split("\nName: ")]
        assert len(shown) == len(kinds)
        for kind, part in zip(kinds, shown):
            assert DESCRIBED[kind] in part, (kind, part)
        assert said(k, "describe", "cm", "none") == 'Error from server (NotFound): configmaps "none" not found\n'
        assert "Name: py" in words(k("describe", "-l", "app=py", "cm", "-n", "default"))
        assert "Status: Active" in words(k("describe", "ns", k.namespace))
    every_minor(device, "describe", check)
    device.kubectl("delete", "-f", "-", "--wait=false", "--ignore-not-found",
                   input=documents(*objects))


def test_changes_in_every_form(device, tmp_path):
    directory = tmp_path / "kustomized"
    directory.mkdir()
    (directory / "kustomization.yaml").write_text(
        "namePrefix: k-\nresources: [c.yaml]\nconfigMapGenerator: [{name: g, literals: [a=1]}]\n")
    (directory / "c.yaml").write_text(json.dumps(config_map("c", a="1")))

    def check(k):
        one = json.dumps(config_map("c", {"p": "1"}, a="first"))
        assert k("create", "-f", "-", input=one) == "configmap/c created\n"
        assert said(k, "create", "-f", "-", input=one) == (
            'Error from server (AlreadyExists): error when creating "STDIN": configmaps "c" already exists\n')
        noted = k.run("apply", "-f", "-", input=one)
        assert noted.returncode == 0 and noted.stdout == "configmap/c configured\n"
        assert "missing the kubectl.kubernetes.io/last-applied-configuration annotation" in noted.stderr
        assert '"a":"first"' in k("apply", "view-last-applied", "cm/c", "-o", "json").replace(" ", "")
        assert k("apply", "set-last-applied", "-f", "-", input=one.replace("first", "set")) == "configmap/c configured\n"
        assert "a: set" in k("apply", "view-last-applied", "cm/c")
        assert k("apply", "-f", "-", input=documents(config_map("c", {"p": "1"}, a="2"), config_map("d", {"p": "1"}))) == (
            "configmap/c configured\nconfigmap/d created\n")
        pruned = k("apply", "--prune", "-l", "p=1", "--prune-allowlist=core/v1/ConfigMap", "-f", "-",
                   input=json.dumps(config_map("c", {"p": "1"}, a="2")))
        assert pruned == "configmap/c unchanged\nconfigmap/d pruned\n"
        assert k("apply", "-f", "-", "--dry-run=client", input=one) == "configmap/c configured (dry run)\n"
        assert "configmap/k-c created" in k("apply", "-k", str(directory)).splitlines()
        assert "configmap/k-c unchanged" in k("apply", "-k", str(directory))
        assert said(k, "apply", "-f", "-", input=one.replace('"name": "c"', '"name": "c", "namespace": "other"')).startswith(
            "error: the namespace from the provided object \"other\" does not match the namespace")
        assert said(k, "apply", "-f", "-", input="{}").startswith("error: ")
        assert k("replace", "--force", "-f", "-", input=one).splitlines()[-1] == "configmap/c replaced"
        assert said(k, "replace", "-f", "-", input=one.replace('"c"', '"none"')) == (
            'Error from server (NotFound): error when replacing "STDIN": configmaps "none" not found\n')
        k.environment["KUBE_EDITOR"] = "true"
        assert k.run("edit", "cm", "c").stderr.endswith("Edit cancelled, no changes made.\n")
        k.environment["KUBE_EDITOR"] = "sed -i s/first/second/"
        assert "\n  a: second\n" in k("edit", "cm", "c", "-o", "yaml")
        # patch
        tried = k("patch", "cm", "c", "-p", '{"data":{"b":"1"}}', "--dry-run=server")
        assert tried in ("configmap/c patched\n", "configmap/c patched (server dry run)\n")  # the older ones do not say so
        assert k("patch", "cm/c", "--type=merge", "-p", '{"data":{"b":"1"}}', "-o", "jsonpath={.data.b}") == "1"
        assert said(k, "patch", "cm", "none", "-p", "{}") == 'Error from server (NotFound): configmaps "none" not found\n'
        assert "the server rejected our request due to an error in our request" in said(
            k, "patch", "cm", "c", "--type=json", "-p", '[{"op":"test","path":"/data/a","value":"9"}]')
        assert said(k, "patch", "cm", "c", "-p", "[]").startswith("Error from server (BadRequest): ")
        assert said(k, "patch", "cm", "c", "-p", '{"data":{"a b":"1"}}').startswith(
            'The ConfigMap "c" is invalid: data[a b]: Invalid value: "a b": a valid config key must consist of')
        k("apply", "-f", "-", input=manifest(0))
        assert k("patch", "deploy", "web", "--subresource=scale", "--type=merge", "-p", '{"spec":{"replicas":0}}') in (
            "scale.autoscaling/web patched\n", "deployment.apps/web patched\n", "scale.autoscaling/web patched (no change)\n",
            "deployment.apps/web patched (no change)\n")
        k("create", "job", "j", "--image=nothing/here", "--", "true")
        assert k("patch", "job", "j", "--subresource=status", "--type=merge", "-p", '{"status":{"ready":0}}').startswith(
            "job.batch/j patched")
        # label and annotate
        assert k("label", "cm", "c", "p=2", "--overwrite") == "configmap/c labeled\n"
        assert k("label", "cm", "c", "p=2") == "configmap/c not labeled\n"
        assert k("label", "cm", "c", "--list").split() == ["p=2"]
        assert k("label", "cm", "c", "p-") == "configmap/c unlabeled\n"
        assert k("label", "cm", "--all", "z=1").splitlines()[0] == "configmap/c labeled"
        assert "a valid label must be an empty string or consist of" in said(k, "label", "cm", "c", "x=-a")
        assert k("annotate", "cm", "c", "note=1") == "configmap/c annotated\n"
        assert "--overwrite is false but found the following declared annotation(s): 'note' already has a value (1)" in said(
            k, "annotate", "cm", "c", "note=2")
        assert k("annotate", "cm", "c", "note=2", "--overwrite", "-o", "jsonpath={.metadata.annotations.note}") == "2"
        assert k("annotate", "cm", "c", "note-") == "configmap/c annotated\n"
        # delete
        assert k("delete", "cm", "c", "--dry-run=server").startswith('configmap "c" deleted')
        assert k("delete", "-f", "-", input=one).startswith('configmap "c" deleted')
        k("create", "cm", "x1", "--from-literal=a=1")
        k("label", "cm", "x1", "del=1")
        assert k("delete", "cm", "-l", "del=1").startswith('configmap "x1" deleted')
        assert said(k, "delete", "cm", "-l", "del=1", code=0) in ("", "No resources found\n")
        k("create", "secret", "generic", "s1")
        assert k("delete", "secret", "--all").startswith('secret "s1" deleted')
        assert said(k, "delete", "cm").startswith("error: resource(s) were provided, but no name was specified")
    every_minor(device, "change", check)


def test_rollouts_and_settings(device):
    def check(k):
        def image(number):
            return manifest(1, f"t{number}")
        k("create", "serviceaccount", "robot")
        k("apply", "-f", "-", input=image(1))
        k("rollout", "status", "deploy/web", "--timeout=120s")
        k("apply", "-f", "-", input=image(2))
        k("rollout", "status", "deploy/web", "--timeout=120s")
        assert k("rollout", "status", "deploy/web", "--watch=false") == 'deployment "web" successfully rolled out\n'
        one = k("rollout", "history", "deploy/web", "--revision=1")
        assert one.startswith("deployment.apps/web with revision #1\n") and "TEXT:\tt1" in one
        assert said(k, "rollout", "history", "deploy/web", "--revision=9") == "error: unable to find the specified revision\n"
        assert k("rollout", "undo", "deploy/web", "--to-revision=2") == (
            "deployment.apps/web skipped rollback (current template already matches revision 2)\n")
        assert k("rollout", "undo", "deploy/web", "--to-revision=1", "--dry-run=server").startswith("deployment.apps/web ")
        assert k("rollout", "undo", "deploy/web", "--to-revision=1") == "deployment.apps/web rolled back\n"
        assert k("get", "deploy", "web", "-o", "jsonpath={..env[0].value}") == "t1"
        assert "unable to find specified revision 99 in history" in said(k, "rollout", "undo", "deploy/web", "--to-revision=99")
        assert k("rollout", "pause", "deploy/web") == "deployment.apps/web paused\n"
        assert "is already paused" in said(k, "rollout", "pause", "deploy/web")
        assert "cannot rollback a paused deployment" in said(k, "rollout", "undo", "deploy/web")
        assert "can't restart paused deployment" in said(k, "rollout", "restart", "deploy/web")
        assert k("rollout", "resume", "deploy/web") == "deployment.apps/web resumed\n"
        assert "is not paused" in said(k, "rollout", "resume", "deploy/web")
        assert k("rollout", "restart", "deploy", "-l", "app=web") == "deployment.apps/web restarted\n"
        # scale
        assert "xpected replicas to be 5, was 1" in said(k, "scale", "deploy/web", "--current-replicas=5", "--replicas=0")
        assert k("scale", "deploy/web", "--current-replicas=1", "--replicas=0") == "deployment.apps/web scaled\n"
        assert k("scale", "--all", "deploy", "--replicas=0") == "deployment.apps/web scaled\n"
        assert said(k, "scale", "deploy/none", "--replicas=1").startswith(
            ("error: no objects passed to scale", 'Error from server (NotFound): deployments.apps "none" not found\n'))
        assert said(k, "scale", "deploy/web", "--replicas=-1").startswith("error: ")
        # set
        assert k("set", "image", "deploy/web", "web=other:1") == "deployment.apps/web image updated\n"
        assert k("set", "image", "deploy/web", "*=busybox:test", "-o", "jsonpath={..image}") == "busybox:test"
        assert said(k, "set", "image", "deploy/web", "none=a:b") == 'error: unable to find container named "none"\n'
        assert "TEXT=t1" in k("set", "env", "deploy/web", "--list")
        k("create", "cm", "env", "--from-literal=k=v")
        assert k("set", "env", "deploy/web", "--from=configmap/env") == "deployment.apps/web env updated\n"
        assert "K from configmap env, key k" in k("set", "env", "deploy/web", "--list").replace("# ", "")
        assert k("set", "env", "deploy/web", "K-", "TEXT-") == "deployment.apps/web env updated\n"
        assert k("get", "deploy", "web", "-o", "jsonpath={..env}") in ("", "[]")
        assert k("set", "resources", "deploy/web", "--limits=cpu=1,memory=64Mi", "--requests=cpu=100m") == (
            "deployment.apps/web resource requirements updated\n")
        assert k("get", "deploy", "web", "-o", "jsonpath={..resources.requests.cpu}") == "100m"
        assert k("set", "serviceaccount", "deploy/web", "robot") == "deployment.apps/web serviceaccount updated\n"
        assert k("get", "deploy", "web", "-o", "jsonpath={..serviceAccountName}") == "robot"
        k("create", "service", "clusterip", "s", "--tcp=80")
        assert k("set", "selector", "service/s", "a=b") == "service/s selector updated\n"
        assert k("get", "svc", "s", "-o", "jsonpath={.spec.selector}") == '{"a":"b"}'
        k("create", "role", "r", "--verb=get", "--resource=pods")
        k("create", "rolebinding", "b", "--role=r", "--user=u")
        assert k("set", "subject", "rolebinding/b", "--group=g") == "rolebinding.rbac.authorization.k8s.io/b subjects updated\n"
        # expose
        assert k("expose", "deploy", "web", "--port=80", "--target-port=8080", "--name=front", "--type=NodePort") == (
            "service/front exposed\n")
        assert k("get", "svc", "front", "-o", "jsonpath={.spec.selector.app} {.spec.ports[0].targetPort}") == "web 8080"
        assert 'services "front" already exists' in said(k, "expose", "deploy", "web", "--port=80", "--name=front")
        assert k("delete", "deploy", "web", "--cascade=foreground").startswith('deployment.apps "web" deleted')
    every_minor(device, "roll", check)


def test_pods_logs_and_waiting(device):
    def check(k):
        speak = ["sh", "-c", "echo one; echo two; echo three"]
        both = pod("both", speak, metadata={"labels": {"app": "both"}}, restartPolicy="Never")
        both["spec"]["containers"].append({**both["spec"]["containers"][0], "name": "side"})
        k("apply", "-f", "-", input=json.dumps(both))
        assert k("run", "env", "--image=busybox:test", "--restart=Never", "--env=A=b", "--labels=x=y", "--", "sh", "-c",
                 "echo $A") == "pod/env created\n"
        assert k("run", "port", "--image=nothing/here", "--port=80", "--expose") in (
            "service/port created\npod/port created\n", "pod/port created\nservice/port created\n")
        assert k("run", "dry", "--image=a/b", "--dry-run=client", "-o", "jsonpath={.spec.containers[0].image}") == "a/b"
        assert k("run", "dry", "--image=a/b", "--dry-run=server") == "pod/dry created (server dry run)\n"
        assert 'pods "env" already exists' in said(k, "run", "env", "--image=a/b")
        # wait
        for name in ("both", "env"):
            assert k("wait", "--for=jsonpath={.status.phase}=Succeeded", f"pod/{name}", "--timeout=120s") == (
                f"pod/{name} condition met\n")
        assert said(k, "wait", "--for=condition=Ready", "pod/env", "--timeout=1s") == (
            "error: timed out waiting for the condition on pods/env\n")
        assert k("wait", "--for=condition=Ready=false", "pod/env", "--timeout=30s") == "pod/env condition met\n"
        assert said(k, "wait", "--for=condition=Ready", "pod/none", "--timeout=1s") == (
            'Error from server (NotFound): pods "none" not found\n')
        assert said(k, "wait", "--for=delete", "pod/env", "--timeout=1s").endswith(
            "error: timed out waiting for the condition on pods/env\n")
        assert k("wait", "--for=delete", "pod/none", "--timeout=1s") == ""
        if k.number >= 31:
            assert k("wait", "--for=create", "pod/env", "--timeout=1s") == "pod/env condition met\n"
        # logs
        assert k("logs", "env") == "b\n"
        assert said(k, "logs", "both", code=0).startswith("Defaulted container \"main\" out of: main, side\n")
        assert k("logs", "both", "-c", "side", "--tail=1") == "three\n"
        assert sorted(k("logs", "both", "--all-containers").split()) == ["one", "one", "three", "three", "two", "two"]
        assert k("logs", "-l", "app=both", "-c", "main", "--prefix").splitlines()[0] == "[pod/both/main] one"
        assert k("logs", "both", "-c", "main", "--timestamps").splitlines()[0].endswith("Z one")
        assert k("logs", "both", "-c", "main", "--since=1h") == "one\ntwo\nthree\n"
        assert k("logs", "both", "-c", "main", "--since-time=2020-01-01T00:00:00Z") == "one\ntwo\nthree\n"
        assert k("logs", "both", "-c", "main", "--limit-bytes=5") == "one\nt"
        assert k("logs", "both", "-c", "main", "-f", "--pod-running-timeout=5s") == "one\ntwo\nthree\n"
        assert k("logs", "pod/both", "-c", "main", "--tail=0") == ""
        assert said(k, "logs", "both", "-c", "main", "--previous") == (
            'Error from server (BadRequest): previous terminated container "main" in pod "both" not found\n')
        assert said(k, "logs", "none") in (
            'Error from server (NotFound): pods "none" not found\n',
            'error: error from server (NotFound): pods "none" not found in namespace "' + k.namespace + '"\n')
        # events
        assert "Created container" in k("events", "--for=pod/both")
        assert "both" not in k("events", "--types=Warning")
        assert k("events", "--for=pod/none", "--no-headers") == ""
        rows = [row.split()[1] for row in k("get", "events", "--sort-by=.metadata.creationTimestamp", "--no-headers").splitlines()]
        assert "Normal" in rows
        # delete
        warned = k.run("delete", "pod", "port", "--grace-period=0", "--force")
        assert warned.returncode == 0 and "Immediate deletion does not wait for confirmation" in warned.stderr
        assert k("delete", "pod", "env", "--now").startswith('pod "env" deleted')
        assert k("delete", "pod,svc", "--all", "--grace-period=1").count("deleted") == 2
        assert k("get", "pods", "--no-headers") == ""
        k("apply", "-f", "-", input=manifest(1))
        wait_for(lambda: k("get", "rs", "-o", "name"), "a ReplicaSet")
        assert k("delete", "deploy", "web", "--cascade=orphan").startswith('deployment.apps "web" deleted')
        wait_for(lambda: k("get", "rs", "-o", "jsonpath={.items[*].metadata.ownerReferences}") == "", "it is nobody's")
        assert k("delete", "rs", "--all", "--wait=false").startswith('replicaset.apps "web-')
        wait_for(lambda: k("get", "pods", "--no-headers") == "", "its pods went with it")
    every_minor(device, "pods", check)


def test_nodes(device):
    def check(k):
        name = f"lonely-{k.namespace}"
        k("apply", "-f", "-", input=json.dumps(pod(name, SLEEP, metadata={"labels": {"drain": "me"}})))
        k("wait", "--for=condition=Ready", f"pod/{name}", "--timeout=60s")
        assert k("cordon", "dev1") == "node/dev1 cordoned\n"
        assert k("cordon", "dev1") == "node/dev1 already cordoned\n"
        refused = k.run("drain", "dev1", "--pod-selector=drain=me", "--ignore-daemonsets")
        assert refused.returncode == 1 and f"use --force to override): {k.namespace}/{name}" in refused.stderr
        tried = k("drain", "dev1", "--pod-selector=drain=me", "--force", "--dry-run=server")
        assert f"evicting pod {k.namespace}/{name} (server dry run)" in tried and "node/dev1 drained (server dry run)" in tried
        drained = k("drain", "dev1", "--pod-selector=drain=me", "--force", "--ignore-daemonsets", "--delete-emptydir-data",
                    "--grace-period=1", "--timeout=60s")
        assert drained.splitlines() == ["node/dev1 already cordoned", f"evicting pod {k.namespace}/{name}",
                                        f"pod/{name} evicted", "node/dev1 drained"]
        assert k("uncordon", "dev1") == "node/dev1 uncordoned\n"
        assert k("uncordon", "dev1") == "node/dev1 already uncordoned\n"
        assert said(k, "drain", "none").startswith('Error from server (NotFound): nodes "none" not found\n')
        assert k("taint", "nodes", "dev1", "a=b:NoSchedule") == "node/dev1 tainted\n"
        assert "node dev1 already has a taint" in said(k, "taint", "nodes", "dev1", "a=b:NoSchedule")
        assert k("taint", "nodes", "dev1", "a=c:NoSchedule", "--overwrite") == "node/dev1 modified\n"
        assert k("get", "node", "dev1", "-o", "jsonpath={.spec.taints[*].value}") == "c"
        assert "a=c:NoSchedule" in words(k("describe", "node", "dev1"))
        assert k("taint", "nodes", "dev1", "a:NoSchedule-") == "node/dev1 untainted\n"
        assert said(k, "taint", "nodes", "dev1", "a-") == 'error: taint "a" not found\n'
        assert "invalid taint effect: Never" in said(k, "taint", "nodes", "dev1", "a=b:Never")
        assert k("label", "node", "dev1", "rack=1") == "node/dev1 labeled\n"
        assert k("get", "nodes", "-l", "rack=1", "-o", "name") == "node/dev1\n"
        assert k("label", "node", "dev1", "rack-") == "node/dev1 unlabeled\n"
    every_minor(device, "nodes", check, together=False)


def test_rights_and_discovery(device):
    def check(k):
        role = {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": {"name": "r", "namespace": k.namespace},
                "rules": [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}]}
        assert k("auth", "reconcile", "-f", "-", input=json.dumps(role)).startswith(
            "role.rbac.authorization.k8s.io/r reconciled\n")
        role["rules"][0]["verbs"] = ["list"]
        k("auth", "reconcile", "-f", "-", input=json.dumps(role))
        assert k("get", "role", "r", "-o", "jsonpath={.rules[*].verbs[*]}") == "get list"
        k("auth", "reconcile", "--remove-extra-permissions", "-f", "-", input=json.dumps(role))
        assert k("get", "role", "r", "-o", "jsonpath={.rules[*].verbs[*]}") == "list"
        bob = "--as=bob"
        assert k("auth", "can-i", "create", "pods", "--subresource=exec") == "yes\n"
        assert k("auth", "can-i", "get", "/metrics") == "yes\n"
        assert k("auth", "can-i", "get", "pods/x", bob, code=1) == "no\n"
        assert k("auth", "can-i", "get", "pods", bob, "--quiet", code=1) == ""
        assert "doesn't have a resource type 'nonsense'" in k.run("auth", "can-i", "get", "nonsense").stderr
        assert words(k("auth", "can-i", "--list", bob)).startswith("Resources Non-Resource URLs Resource Names Verbs")
        assert json.loads(k("auth", "whoami", "-o", "json"))["status"]["userInfo"]["username"] == "wherry:admin"
        assert words(k("auth", "whoami")).startswith("ATTRIBUTE VALUE Username wherry:admin Groups ")
        assert json.loads(k("create", "token", "default", "--duration=10m", "-o", "json"))["kind"] == "TokenRequest"
        assert said(k, "create", "token", "none") == 'error: failed to create token: serviceaccounts "none" not found\n'
        assert "forbidden" in said(k, "get", "secrets", bob)
        # what there is
        names = k("api-resources", "-o", "name").split()
        assert {"pods", "deployments.apps", "leases.coordination.k8s.io"} <= set(names)
        assert k("api-resources", "--api-group=batch", "--no-headers", "-o", "name").split() == ["cronjobs.batch", "jobs.batch"]
        assert "pods" not in k("api-resources", "--namespaced=false", "-o", "name").split()
        assert "selfsubjectreviews.authentication.k8s.io" not in k("api-resources", "--verbs=list,get", "-o", "name").split()
        assert "create,delete,deletecollection,get,list,patch,update,watch" in k("api-resources", "-o", "wide")
        assert {"v1", "apps/v1", "batch/v1"} <= set(k("api-versions").split())
        assert json.loads(k("version", "-o", "json"))["serverVersion"]["major"] == "1"
        assert "livenessProbe" in k("explain", "pod", "--recursive")
        assert "GROUP:      apps" in k("explain", "deploy.spec.strategy", "--api-version=apps/v1")
        assert "FIELD: maxSurge <" in words(k("explain", "deploy.spec.strategy.rollingUpdate.maxSurge"))
        assert said(k, "explain", "pod.spec.nonsense") == 'error: field "nonsense" does not exist\n'
        assert said(k, "explain", "nonsense").endswith('the server doesn\'t have a resource type "nonsense"\n')
        place = k.home / "dump"
        k("cluster-info", "dump", f"--output-directory={place}", "--namespaces=default")
        assert json.loads((place / "nodes.json").read_text())["items"][0]["metadata"]["name"] == "dev1"
        assert {p.name for p in (place / "default").glob("*.json")} >= {"pods.json", "events.json", "deployments.json"}
        assert k("get", "--raw", "/readyz") != "" and k("get", "--raw", "/livez") != ""
    every_minor(device, "rights", check)
