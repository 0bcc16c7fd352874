"""A look into running pods, and what pods themselves may do: `kubectl debug` of four ages, tokens in pods."""

import base64
import json
import os
import subprocess
import time

import pytest

from harness import SLEEP, SOAK, Agent, deployment, import_busybox, pod, wait_for
from packages import kubectl, kubernetes_client, newest_kubectl
from terminal import Terminal

MINORS = ("1.28", "1.31", "1.33", "newest")


def client(minor: str) -> str:
    return str(newest_kubectl()) if minor == "newest" else kubectl(minor)


def environment(agent) -> dict:
    if not (agent.directory / "kubeconfig").exists():
        agent.kubeconfig()
    (agent.directory / "home").mkdir(exist_ok=True)
    return os.environ | {"HOME": str(agent.directory / "home"), "KUBECONFIG": str(agent.directory / "kubeconfig")}


def k(agent, minor: str, *arguments: str, timeout=60) -> subprocess.CompletedProcess:
    return subprocess.run([client(minor), *arguments], env=environment(agent), capture_output=True, text=True,
                          stdin=subprocess.DEVNULL, timeout=timeout)


def ephemeral(agent, name, container) -> dict:
    statuses = agent.pod(name)["status"].get("ephemeralContainerStatuses", [])
    return {status["name"]: status for status in statuses}[container]


# kubectl debug


@pytest.mark.parametrize("minor", MINORS)
def test_debug_opens_a_shell_among_the_processes_of_the_target(device, minor):
    name = "looked-at-" + minor.replace(".", "-")
    device.apply(pod(name, ["sh", "-c", "exec sleep 4242"], container={"name": "app"}))
    wait_for(lambda: device.running(name), "the pod runs")
    terminal = Terminal([client(minor), "debug", "-it", name, "--image=busybox:test", "--target=app", "-c", "look", "--", "sh"],
                        environment(device))
    terminal.expect("# ")
    terminal.type("ps; echo en''d\n")
    terminal.expect("sleep 4242")
    terminal.expect("end")
    terminal.type("cat /proc/1/cmdline | tr '\\0' ' '; echo; hostname; stty size; echo en''d\n")
    terminal.expect("sleep 4242")
    terminal.expect(name)
    terminal.expect("33 101")
    terminal.expect("end")
    found = ephemeral(device, name, "look")
    assert "running" in found["state"] and found["restartCount"] == 0 and not found["ready"] and "started" not in found
    assert f"{name}\n" == k(device, minor, "exec", name, "-c", "look", "--", "hostname").stdout
    terminal.type("exit 3\n")
    terminal.end()
    ended = wait_for(lambda: ephemeral(device, name, "look")["state"].get("terminated"), "it ended")
    assert ended["exitCode"] == 3
    assert "sleep 4242" in k(device, minor, "logs", name, "-c", "look").stdout
    described = k(device, minor, "describe", "pod", name).stdout
    assert "Ephemeral Containers:\n  look:\n" in described and "Exit Code:    3" in described
    # The pod did not notice, and nothing is started again.
    running = device.running(name)
    assert running["status"]["containerStatuses"][0]["restartCount"] == 0
    device.kubectl("delete", "pod", name, "--now")


def test_an_ephemeral_container_without_target_has_the_pods_network_and_ipc(device):
    device.apply(pod("two", ["sh", "-c", "exec httpd -f -p 8080 -h /www"]))
    wait_for(lambda: device.running("two"), "the pod runs")
    assert k(device, "1.33", "debug", "two", "--image=busybox:test", "-c", "look", "--", *SLEEP).returncode == 0
    wait_for(lambda: ephemeral(device, "two", "look")["state"]["running"], "it runs")
    inside = lambda *words: device.kubectl("exec", "two", "-c", "look", "--", *words).stdout  # noqa: E731
    assert "hello from wherry" in inside("wget", "-qO-", "http://127.0.0.1:8080/")
    assert "httpd" not in inside("ps")
    command = "readlink /proc/self/ns/net; readlink /proc/self/ns/ipc"
    namespaces = [device.kubectl("exec", "two", "-c", c, "--", "sh", "-c", command).stdout for c in ("main", "look")]
    assert namespaces[0] == namespaces[1]
    device.kubectl("delete", "pod", "two", "--now")
    assert not [name for name in device.container_pids() if "look" in name]


def test_it_outlives_the_agent_and_goes_with_the_pod(place, images):
    agent = Agent(place / "a", "--node-name", "dev1").start()
    try:
        import_busybox(agent, images)
        agent.apply(pod("p", SLEEP, container={"name": "app"}))
        wait_for(lambda: agent.running("p"), "the pod runs")
        for name, command in (("stays", SLEEP), ("done", ["false"])):
            k(agent, "1.33", "debug", "p", "--image=busybox:test", "--target=app", "-c", name, "--", *command)
        wait_for(lambda: ephemeral(agent, "p", "done")["state"]["terminated"], "the other ended")
        wait_for(lambda: ephemeral(agent, "p", "stays")["state"]["running"], "it runs")
        before = agent.container_pids()
        agent.kill()
        agent.start()
        wait_for(lambda: agent.running("p"), "the pod is there again")
        assert agent.kubectl("exec", "p", "-c", "stays", "--", "echo", "here").stdout == "here\n"
        assert agent.container_pids() == before
        assert reviewed(agent, token_in(agent, "p"))["authenticated"]
        assert ephemeral(agent, "p", "done")["state"]["terminated"]["exitCode"] == 1
        assert ephemeral(agent, "p", "done")["restartCount"] == 0
        agent.kubectl("delete", "pod", "p", "--now")
        wait_for(lambda: not agent.container_pids(), "nothing is left")
    finally:
        agent.remove_everything()


def test_only_additions_are_allowed_in_the_real_words(device):
    device.apply(pod("strict", SLEEP, container={"name": "app"}))
    wait_for(lambda: device.running("strict"), "the pod runs")
    path = "/api/v1/namespaces/default/pods/strict/ephemeralcontainers"

    def patch(*containers):
        body = {"spec": {"ephemeralContainers": list(containers)}}
        return device.kubectl("patch", "pod", "strict", "--subresource=ephemeralcontainers", "--type=strategic", "-p",
                              json.dumps(body), check=False)

    def refusal(**fields):
        done = patch({"name": "x", "image": "busybox:test", **fields})
        assert done.returncode == 1
        return done.stderr
    assert 'spec.ephemeralContainers[0].name: Duplicate value: "app"' in refusal(name="app")
    assert 'spec.ephemeralContainers[0].targetContainerName: Not found: "nope"' in refusal(targetContainerName="nope")
    for field, value in (("ports", [{"containerPort": 80}]), ("resources", {"limits": {"cpu": "1"}}),
                         ("livenessProbe", {"tcpSocket": {"port": 80}}), ("lifecycle", {"preStop": {"sleep": {"seconds": 1}}})):
        text = refusal(**{field: value})
        assert f"spec.ephemeralContainers[0].{field}: Forbidden: cannot be set for an Ephemeral Container" in text
    assert patch({"name": "first", "image": "busybox:test", "command": SLEEP}).returncode == 0
    assert 'existing ephemeral containers "first" may not be changed' in patch(
        {"name": "first", "image": "busybox:test", "command": ["true"]}).stderr
    assert patch({"name": "second", "image": "busybox:test", "command": SLEEP}).returncode == 0
    whole = device.json(path)
    assert sorted(c["name"] for c in whole["spec"]["ephemeralContainers"]) == ["first", "second"]
    whole["spec"]["ephemeralContainers"] = whole["spec"]["ephemeralContainers"][:1]
    gone = whole["spec"]["ephemeralContainers"][0]["name"]
    done = device.kubectl("replace", "--raw", path, "-f", "-", input=json.dumps(whole), check=False)
    assert done.returncode == 1 and "may not be removed" in done.stderr and f'"{gone}"' not in done.stderr
    fresh = pod("fresh", SLEEP, ephemeralContainers=[{"name": "e", "image": "busybox:test"}])
    done = device.kubectl("create", "-f", "-", input=json.dumps(fresh), check=False)
    assert "spec.ephemeralContainers: Forbidden: cannot be set on create" in done.stderr
    device.kubectl("delete", "pod", "strict", "--now")


def test_roles_and_pod_security_look_at_it(device):
    device.kubectl("create", "namespace", "locked")
    device.kubectl("label", "namespace", "locked", "pod-security.kubernetes.io/enforce=baseline")
    device.kubectl("apply", "-n", "locked", "-f", "-", input=json.dumps(pod("p", SLEEP, container={"name": "app"})))
    wait_for(lambda: device.running("p", "locked"), "the pod runs")
    body = json.dumps({"spec": {"ephemeralContainers": [
        {"name": "x", "image": "busybox:test", "securityContext": {"privileged": True}}]}})
    words = ("-n", "locked", "patch", "pod", "p", "--subresource=ephemeralcontainers", "-p", body)
    done = device.kubectl(*words, check=False)
    assert done.returncode == 1 and 'violates PodSecurity "baseline:latest": privileged' in done.stderr
    # Kubernetes' own `edit` does not have it either: it takes a role that says so.
    device.kubectl("create", "serviceaccount", "helper", "-n", "locked")
    device.kubectl("create", "rolebinding", "helper", "--clusterrole=edit", "--serviceaccount=locked:helper", "-n", "locked")
    helper = ("--as=system:serviceaccount:locked:helper", "-n", "locked")
    plain = json.dumps({"spec": {"ephemeralContainers": [{"name": "x", "image": "busybox:test", "command": SLEEP}]}})
    words = (*helper, "patch", "pod", "p", "--subresource=ephemeralcontainers", "-p", plain)
    done = device.kubectl(*words, check=False)
    assert done.returncode == 1 and 'cannot get resource "pods/ephemeralcontainers"' in done.stderr
    device.kubectl("create", "role", "debug", "--verb=get,patch", "--resource=pods/ephemeralcontainers", "-n", "locked")
    device.kubectl("create", "rolebinding", "debug", "--role=debug", "--serviceaccount=locked:helper", "-n", "locked")
    assert device.kubectl(*words).returncode == 0
    device.kubectl("delete", "namespace", "locked", "--wait=false")


@pytest.mark.parametrize("minor", MINORS)
def test_debug_copies_a_pod(device, minor):
    suffix = minor.replace(".", "-")
    device.apply(pod(f"origin-{suffix}", ["false"], restartPolicy="Never", container={"name": "app"}))
    done = k(device, minor, "debug", f"origin-{suffix}", f"--copy-to=copy-{suffix}", "--set-image=app=busybox:test", "--container=app",
             "--", *SLEEP)
    assert done.returncode == 0, done.stderr
    copy = wait_for(lambda: device.running(f"copy-{suffix}"), "the copy runs")
    assert copy["spec"]["containers"][0]["command"] == SLEEP
    device.kubectl("delete", "pod", f"origin-{suffix}", f"copy-{suffix}", "--now")


@pytest.mark.parametrize("minor", MINORS)
def test_debug_looks_at_the_node(device, minor):
    terminal = Terminal([client(minor), "debug", "-it", "node/dev1", "--image=busybox:test", "--", "sh"], environment(device))
    terminal.expect("# ")
    terminal.type("ls -d /host/proc/self && cat /host/etc/hostname; readlink /proc/1/exe; ps | grep -c wherry-monito''r; echo en''d\n")
    terminal.expect("/host/proc/self")
    terminal.expect("end")
    (debugger,) = [p for p in device.pods() if p["metadata"]["name"].startswith("node-debugger-dev1-")]
    spec = debugger["spec"]
    assert (spec["hostPID"], spec["hostNetwork"], spec["nodeName"]) == (True, True, "dev1")
    terminal.type("exit\n")
    terminal.end()
    device.kubectl("delete", "pod", debugger["metadata"]["name"], "--now")


# tokens in pods

TOKENS = "/var/run/secrets/kubernetes.io/serviceaccount"
# Looks at the API as a program in a pod does, with the client library's own words; prints what comes of it.
PROGRAM = """
from kubernetes import client, config
config.load_incluster_config()
api = client.CoreV1Api()
namespace = open("%s/namespace").read()
print("namespace", namespace)
print("pods", [p.metadata.name for p in api.list_namespaced_pod(namespace).items if p.metadata.name == "caller"])
try:
    api.list_namespaced_secret(namespace)
except client.ApiException as error:
    print("secrets", error.status, client.ApiClient().sanitize_for_serialization(error.body))
""" % TOKENS


def claims(token: str) -> dict:
    part = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))


def token_in(agent, name, path=f"{TOKENS}/token", namespace="default") -> str:
    return agent.kubectl("exec", name, "-n", namespace, "--", "cat", path).stdout


def reviewed(agent, token: str, *audiences: str) -> dict:
    body = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview", "spec": {"token": token, "audiences": list(audiences)}}
    return json.loads(agent.kubectl("create", "-f", "-", "-o", "json", input=json.dumps(body)).stdout)["status"]


def test_a_pod_has_its_accounts_token_as_a_clusters_pods_have(device):
    device.apply(pod("bearer", SLEEP, initContainers=[{"name": "first", "image": "busybox:test", "command": ["true"]}]))
    running = wait_for(lambda: device.running("bearer"), "the pod runs")
    spec = running["spec"]
    assert spec["serviceAccountName"] == spec["serviceAccount"] == "default"
    (volume,) = spec["volumes"]
    assert volume["name"].startswith("kube-api-access-") and len(volume["name"]) == len("kube-api-access-12345")
    assert volume["projected"] == {"defaultMode": 420, "sources": [
        {"serviceAccountToken": {"expirationSeconds": 3607, "path": "token"}},
        {"configMap": {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}},
        {"downwardAPI": {"items": [{"path": "namespace", "fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.namespace"}}]}}]}
    mount = {"name": volume["name"], "readOnly": True, "mountPath": TOKENS}
    assert [c["volumeMounts"] for c in spec["containers"] + spec["initContainers"]] == [[mount], [mount]]
    said = claims(token_in(device, "bearer"))
    assert said["sub"] == "system:serviceaccount:default:default" and said["exp"] - said["iat"] == 3607
    assert said["aud"] == ["https://kubernetes.default.svc"]
    assert said["kubernetes.io"]["pod"] == {"name": "bearer", "uid": running["metadata"]["uid"]}
    assert token_in(device, "bearer", f"{TOKENS}/namespace") == "default"
    published = device.json("/api/v1/namespaces/default/configmaps/kube-root-ca.crt")["data"]["ca.crt"]
    assert token_in(device, "bearer", f"{TOKENS}/ca.crt") == published
    described = device.kubectl("describe", "pod", "bearer").stdout
    assert "TokenExpirationSeconds:  3607" in described and "ConfigMapName:           kube-root-ca.crt" in described
    # The token ends with its pod, though one of that name comes back.
    token = token_in(device, "bearer")
    assert reviewed(device, token)["user"]["username"] == "system:serviceaccount:default:default"
    assert reviewed(device, token)["user"]["extra"]["authentication.kubernetes.io/pod-name"] == ["bearer"]
    device.kubectl("delete", "pod", "bearer", "--now")
    assert not reviewed(device, token).get("authenticated")


def test_a_program_in_a_pod_calls_the_api_and_is_judged_by_roles(device):
    client_library = kubernetes_client()
    device.kubectl("create", "serviceaccount", "robot")
    device.kubectl("create", "rolebinding", "robot", "--clusterrole=view", "--serviceaccount=default:robot")
    places = {"/usr": "/usr", "/lib": "/usr/lib", "/lib64": "/usr/lib64", "/client": str(client_library)}
    volumes = [{"name": f"v{n}", "hostPath": {"path": host}} for n, host in enumerate(places.values())]
    mounts = [{"name": f"v{n}", "mountPath": inside, "readOnly": True} for n, inside in enumerate(places)]
    device.apply(pod("caller", ["/usr/bin/python3", "-c", PROGRAM], hostNetwork=True, serviceAccountName="robot",
                     restartPolicy="Never", volumes=volumes,
                     container={"volumeMounts": mounts, "env": [{"name": "PYTHONPATH", "value": "/client"}]}))
    done = wait_for(lambda: device.pod("caller")["status"].get("phase") in ("Succeeded", "Failed") and device.pod("caller"),
                    "the program ended", 60)
    said = device.kubectl("logs", "caller").stdout
    assert done["status"]["phase"] == "Succeeded", said
    assert "namespace default\npods ['caller']\nsecrets 403" in said
    assert 'User \\"system:serviceaccount:default:robot\\" cannot list resource \\"secrets\\"' in said.replace("\\\\", "\\")
    device.kubectl("delete", "pod", "caller", "--now")


def test_accounts_are_looked_up_and_mounts_can_be_declined(device):
    done = device.kubectl("create", "-f", "-", input=json.dumps(pod("lost", SLEEP, serviceAccountName="nobody")), check=False)
    assert done.stderr == ('Error from server (Forbidden): error when creating "STDIN": pods "lost" is forbidden: error looking up '
                           'service account default/nobody: serviceaccount "nobody" not found\n')
    device.apply({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "quiet"}, "automountServiceAccountToken": False,
                  "imagePullSecrets": [{"name": "login"}]})
    own = {"volumeMounts": [{"name": "own", "mountPath": TOKENS}]}
    device.apply([pod("quiet", SLEEP, serviceAccountName="quiet"),
                  pod("loud", SLEEP, serviceAccountName="quiet", automountServiceAccountToken=True),
                  pod("declined", SLEEP, automountServiceAccountToken=False),
                  pod("own", SLEEP, container=own, volumes=[{"name": "own", "emptyDir": {}}])])
    specs = {name: device.pod(name)["spec"] for name in ("quiet", "loud", "declined", "own")}
    assert "volumes" not in specs["quiet"] and "volumes" not in specs["declined"]
    assert specs["quiet"]["imagePullSecrets"] == [{"name": "login"}] and "imagePullSecrets" not in specs["declined"]
    assert specs["loud"]["volumes"][0]["name"].startswith("kube-api-access-")
    assert [v["name"] for v in specs["own"]["volumes"]] == ["own"]
    # A Deployment says why it has no pods.
    device.apply(deployment("homeless", 1, SLEEP))
    device.kubectl("patch", "deployment", "homeless", "-p", '{"spec":{"template":{"spec":{"serviceAccountName":"nobody"}}}}')
    wait_for(lambda: "error looking up service account default/nobody" in device.kubectl("describe", "rs").stdout, "a reason")
    device.kubectl("delete", "deployment", "homeless")
    device.kubectl("delete", "pod", *specs, "--now")


def test_a_namespace_and_its_pod_come_in_one_file(device):
    device.apply([{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "both"}},
                  pod("p", SLEEP, metadata={"namespace": "both"})])
    wait_for(lambda: device.running("p", "both"), "the pod runs")
    # What somebody deletes or changes comes back.
    device.kubectl("delete", "configmap", "kube-root-ca.crt", "-n", "both")
    wait_for(lambda: device.json("/api/v1/namespaces/both/configmaps/kube-root-ca.crt")["data"]["ca.crt"], "certificates")
    device.kubectl("patch", "configmap", "kube-root-ca.crt", "-n", "both", "-p", '{"data":{"ca.crt":"wrong"}}')
    wait_for(lambda: "BEGIN CERTIFICATE" in device.json("/api/v1/namespaces/both/configmaps/kube-root-ca.crt")["data"]["ca.crt"],
             "certificates again")
    device.kubectl("delete", "namespace", "both")


def test_tokens_of_other_audiences_in_volumes_of_ones_own(device):
    def source(**fields):
        return {"name": "tokens", "projected": {"sources": [{"serviceAccountToken": fields}]}}
    mount = {"volumeMounts": [{"name": "tokens", "mountPath": "/tokens"}]}

    def refusal(**fields):
        wrong = pod("wrong", SLEEP, container=mount, volumes=[source(**fields)])
        return device.kubectl("create", "-f", "-", input=json.dumps(wrong), check=False).stderr
    assert ("spec.volumes[0].projected.sources[0].serviceAccountToken.expirationSeconds: Invalid value: 60: may not specify a "
            "duration less than 10 minutes") in refusal(path="t", expirationSeconds=60)
    assert "spec.volumes[0].projected.sources[0].serviceAccountToken.path: Required value" in refusal(path="")
    device.apply(pod("vault", SLEEP, container=mount, volumes=[source(path="vault", audience="vault", expirationSeconds=600)],
                     securityContext={"fsGroup": 1000}))
    wait_for(lambda: device.running("vault"), "the pod runs")
    token = token_in(device, "vault", "/tokens/vault")
    assert claims(token)["aud"] == ["vault"] and claims(token)["exp"] - claims(token)["iat"] == 600
    assert reviewed(device, token, "vault")["authenticated"]
    assert not reviewed(device, token).get("authenticated")
    mode = device.kubectl("exec", "vault", "--", "stat", "-L", "-c", "%a %g", "/tokens/vault").stdout
    assert mode == "640 1000\n"
    device.kubectl("delete", "pod", "vault", "--now")


def test_a_fleets_pods_have_accounts_of_the_hub_and_tokens_of_the_device(fleet):
    hub, agent = fleet
    hub.kubectl("create", "namespace", "team")
    hub.kubectl("create", "serviceaccount", "robot", "-n", "team")
    wanted = deployment("work", 1, SLEEP)
    wanted["metadata"]["namespace"] = "team"
    wanted["spec"]["template"]["spec"]["serviceAccountName"] = "robot"
    hub.apply(wanted)
    hub.apply(pod("plain", SLEEP, metadata={"namespace": "team"}))
    (work,) = wait_for(lambda: agent.pods("app=work", "team"), "the pod came")
    name = work["metadata"]["name"]
    wait_for(lambda: agent.running(name, "team") and agent.running("plain", "team"), "both run")
    token = token_in(agent, name, namespace="team")
    assert claims(token)["sub"] == "system:serviceaccount:team:robot"
    assert reviewed(agent, token)["authenticated"]
    assert not reviewed(hub, token).get("authenticated")
    # A change at the hub keeps what the device added: only the one container that changed is made anew.
    hub.kubectl("label", "pod", "plain", "-n", "team", "seen=yes")
    wait_for(lambda: agent.pod("plain", "team")["metadata"].get("labels", {}).get("seen") == "yes", "the label came")
    assert agent.running("plain", "team")["status"]["containerStatuses"][0]["restartCount"] == 0
    done = hub.kubectl("debug", "plain", "-n", "team", "--image=busybox:test", "--", "true", check=False)
    assert done.returncode == 1 and "can't be reached through the hub" in done.stderr
    assert "kube-root-ca.crt" not in hub.kubectl("get", "configmap", "-A").stdout
    # With the hub's namespace everything goes from the device, what every namespace has included.
    hub.kubectl("delete", "namespace", "team", "--wait=false")
    wait_for(lambda: agent.get("/api/v1/namespaces/team")[0] == 404, "the namespace is gone", 60)


@pytest.mark.skipif(not SOAK, reason="the shortest token lives ten minutes: WHERRY_SOAK=1")
def test_a_token_is_replaced_before_four_fifths_of_its_life(device):
    source = {"serviceAccountToken": {"path": "t", "expirationSeconds": 600}}
    device.apply(pod("short", SLEEP, container={"volumeMounts": [{"name": "tokens", "mountPath": "/tokens"}]},
                     volumes=[{"name": "tokens", "projected": {"sources": [source]}}]))
    wait_for(lambda: device.running("short"), "the pod runs")
    first = token_in(device, "short", "/tokens/t")
    second = wait_for(lambda: token_in(device, "short", "/tokens/t") not in ("", first) and token_in(device, "short", "/tokens/t"),
                      "a new token", 500, 2)
    # Swapped whole, in the container that runs; the old one is good until it runs out.
    assert 440 <= claims(second)["iat"] - claims(first)["iat"] <= 480
    assert reviewed(device, second)["authenticated"] and reviewed(device, first)["authenticated"]
    assert device.running("short")["status"]["containerStatuses"][0]["restartCount"] == 0
    expires = claims(first)["exp"]
    wait_for(lambda: time.time() > expires and not reviewed(device, first).get("authenticated"), "the first runs out", 200, 2)
    device.kubectl("delete", "pod", "short", "--now")
