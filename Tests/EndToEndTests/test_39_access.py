"""Who may do what, with the real kubectl: certificates, tokens, roles, impersonation, the audit log."""

import base64
import json
import re
import ssl
import subprocess
from http.client import HTTPSConnection

from harness import SLEEP, wait_for


def kubectl(config, *arguments, token=None):
    """kubectl as somebody: (exit status, output, errors)."""
    command = ["kubectl", "--kubeconfig", str(config), *arguments]
    if token:
        command[1:1] = ["--token", token]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    return done.returncode, done.stdout, done.stderr


def user(agent, tmp_path, name, *groups):
    """A kubeconfig with a certificate of its own."""
    path = tmp_path / f"{name}.yaml"
    path.write_text(agent.cli("kubeconfig", "--user", name, *[f"--group={group}" for group in groups]).stdout)
    return path


def anonymous(agent, tmp_path):
    """A kubeconfig that knows the server and nobody."""
    whole = json.loads(agent.kubectl("config", "view", "--raw", "-o", "json").stdout)
    whole["users"] = [{"name": entry["name"], "user": {}} for entry in whole["users"]]
    path = tmp_path / "nobody.json"
    path.write_text(json.dumps(whole))
    return path


def test_a_certificate_is_a_user_whose_roles_decide(agent, tmp_path):
    alice = user(agent, tmp_path, "alice", "dev")
    code, out, _ = kubectl(alice, "auth", "whoami", "-o", "json")
    info = json.loads(out)["status"]["userInfo"]
    assert code == 0 and info["username"] == "alice"
    assert info["groups"] == ["dev", "wherry:users", "system:authenticated"]
    code, _, err = kubectl(alice, "get", "pods")
    assert code == 1 and err == (
        'Error from server (Forbidden): pods is forbidden: User "alice" cannot list resource "pods" in API group "" '
        'in the namespace "default"\n')
    agent.kubectl("create", "rolebinding", "devs", "--clusterrole=edit", "--group=dev")
    assert kubectl(alice, "get", "pods")[0] == 0
    assert kubectl(alice, "auth", "can-i", "create", "deployments")[:2] == (0, "yes\n")
    assert kubectl(alice, "auth", "can-i", "get", "pods", "-n", "kube-system")[:2] == (1, "no\n")
    assert "deployments.apps" in kubectl(alice, "auth", "can-i", "--list")[1]
    # Not even through the other APIs of the same listener.
    for path in ("/v1.43/containers/json", "/wherry/v1/kubeconfig", "/metrics"):
        code, _, err = kubectl(alice, "get", "--raw", path)
        assert code == 1 and f'User "alice" cannot get path "{path}"' in err, (path, err)
    # Nobody gives himself more than he has.
    agent.kubectl("create", "rolebinding", "admins", "--clusterrole=admin", "--user=alice")
    code, _, err = kubectl(alice, "create", "rolebinding", "root", "--clusterrole=cluster-admin", "--user=alice")
    assert code == 1 and "is attempting to grant RBAC permissions not currently held" in err
    code, _, err = kubectl(alice, "create", "role", "root", "--verb=*", "--resource=*.*")
    assert code == 1 and "is attempting to grant RBAC permissions not currently held" in err
    assert kubectl(alice, "create", "rolebinding", "more", "--clusterrole=view", "--user=bob")[0] == 0
    agent.kubectl("delete", "rolebinding", "devs", "admins")
    assert kubectl(alice, "get", "pods")[0] == 1


def test_a_token_is_its_service_account(agent, tmp_path):
    nobody = anonymous(agent, tmp_path)
    agent.kubectl("create", "serviceaccount", "robot")
    agent.kubectl("create", "rolebinding", "robot", "--clusterrole=view", "--serviceaccount=default:robot")
    token = agent.kubectl("create", "token", "robot", "--duration=10m").stdout.strip()
    assert kubectl(nobody, "get", "pods", token=token)[0] == 0
    assert kubectl(nobody, "get", "secrets", token=token)[0] == 1
    code, _, err = kubectl(nobody, "get", "pods", token=token[:-2] + "xx")
    assert code == 1 and "You must be logged in to the server (Unauthorized)" in err
    # The token does not outlive its account, though one of that name comes back.
    agent.kubectl("delete", "serviceaccount", "robot")
    agent.kubectl("create", "serviceaccount", "robot")
    code, _, err = kubectl(nobody, "get", "pods", token=token)
    assert code == 1 and "Unauthorized" in err
    # Every namespace has its account.
    agent.kubectl("create", "namespace", "fresh")
    wait_for(lambda: agent.kubectl("get", "sa", "default", "-n", "fresh", check=False).returncode == 0, "an account")


def test_tokens_and_certificates_survive_a_restart(agent, tmp_path):
    nobody = anonymous(agent, tmp_path)
    alice = user(agent, tmp_path, "alice")
    agent.kubectl("create", "serviceaccount", "keeper")
    agent.kubectl("create", "clusterrolebinding", "keeper", "--clusterrole=view", "--serviceaccount=default:keeper")
    token = agent.kubectl("create", "token", "keeper").stdout.strip()
    agent.kill()
    agent.start()
    assert kubectl(nobody, "get", "pods", token=token)[0] == 0
    assert kubectl(alice, "auth", "whoami")[0] == 0


def test_an_administrator_may_be_somebody_else(agent, tmp_path):
    as_alice = agent.kubectl("auth", "can-i", "list", "pods", "--as=alice", check=False)
    assert (as_alice.returncode, as_alice.stdout) == (1, "no\n")
    agent.kubectl("create", "rolebinding", "ops", "--clusterrole=view", "--group=ops")
    assert agent.kubectl("auth", "can-i", "list", "pods", "--as=alice", "--as-group=ops").stdout == "yes\n"
    bob = user(agent, tmp_path, "bob")
    code, _, err = kubectl(bob, "get", "--raw", "/api/v1/pods", "--as=alice")
    assert code == 1 and 'User "bob" cannot impersonate resource "users" in API group "" at the cluster scope' in err
    # A group alone makes nobody an administrator.
    code, _, err = kubectl(bob, "get", "--raw", "/api/v1/nodes", "--as=bob", "--as-group=system:masters")
    assert code == 1 and "cannot impersonate" in err


def test_the_audit_log_says_who_changed_what(agent, tmp_path):
    alice = user(agent, tmp_path, "alice")
    agent.kubectl("create", "configmap", "seen", "--from-literal=secret=hidden")
    assert kubectl(alice, "delete", "configmap", "seen")[0] == 1
    agent.kubectl("get", "configmap", "seen")
    text = (agent.data / "audit.log").read_text()
    records = [json.loads(line) for line in text.splitlines()]
    mine = [r for r in records if r.get("objectRef", {}).get("resource") == "configmaps" and "alice" not in str(r)]
    created = [r for r in mine if r["verb"] == "create"][-1]
    assert created["user"]["username"] == "wherry:admin" and created["responseStatus"]["code"] == 201
    refused = [r for r in records if r["user"].get("username") == "alice" and r["verb"] == "delete"][-1]
    assert refused["responseStatus"]["code"] == 403
    assert refused["annotations"]["authorization.k8s.io/decision"] == "forbid"
    assert refused["objectRef"]["name"] == "seen"
    # Reads are not kept, nor what was written.
    assert not any(r["verb"] in ("get", "list", "watch") and r["responseStatus"]["code"] == 200 for r in records)
    assert "hidden" not in text
    assert (agent.data / "audit.log").stat().st_mode & 0o777 == 0o600


def test_the_audit_log_counts_who_has_no_credentials(agent, tmp_path):
    """Bad tokens by the thousand are two lines: the first, and at the end (or after an hour) how many came after it."""
    server = json.loads(agent.kubectl("config", "view", "--raw", "-o", "json").stdout)["clusters"][0]["cluster"]
    authority = base64.b64decode(server["certificate-authority-data"]).decode()
    connection = HTTPSConnection(server["server"].removeprefix("https://"), timeout=10,
                                 context=ssl.create_default_context(cadata=authority))
    size = (agent.data / "audit.log").stat().st_size if (agent.data / "audit.log").exists() else 0
    for _ in range(1_000):
        connection.request("DELETE", "/api/v1/namespaces/default/pods/web-0", headers={"Authorization": "Bearer wrong", "User-Agent": "x" * 5_000})
        response = connection.getresponse()
        assert response.status == 401 and response.read()
    assert (agent.data / "audit.log").stat().st_size - size < 2_048
    assert agent.stop() == 0
    events = [json.loads(line) for line in (agent.data / "audit.log").read_text().splitlines()]
    first, others = [event for event in events if event["responseStatus"]["code"] == 401]
    assert first["stage"] == "ResponseStarted" and first["verb"] == "delete" and first["user"] == {}
    assert first["sourceIPs"] == ["127.0.0.1"] and first["objectRef"]["name"] == "web-0"
    assert first["responseStatus"]["message"] == "Authentication failed, attempted: bearer"
    assert others["annotations"] == {"wherry.dev/requests": "999"} and "annotations" not in first


def test_a_torn_line_of_the_audit_log_spoils_no_other(agent):
    log = agent.data / "audit.log"
    for name in ("before", "after"):
        agent.kubectl("create", "configmap", name)
    agent.kubectl("delete", "configmap", "before")
    agent.kill()
    whole = log.read_bytes()
    with open(log, "ab") as file:
        file.write(whole.splitlines()[-1][:100] + bytes(50))
    agent.start()
    agent.kubectl("delete", "configmap", "after")
    assert log.read_bytes().startswith(whole)
    names = [json.loads(line).get("objectRef", {}).get("name") for line in log.read_text().splitlines()]
    assert "before" in names and "after" in names


def test_drain_respects_a_budget(agent):
    """Evictions as `kubectl drain` makes them."""
    agent.kubectl("create", "deployment", "web", "--image=busybox:test", "--replicas=2", "--", *SLEEP)
    agent.kubectl("rollout", "status", "deployment/web", "--timeout=60s")
    agent.kubectl("create", "pdb", "web", "--selector=app=web", "--min-available=2")
    node = agent.kubectl("get", "nodes", "-o", "name").stdout.strip()
    refused = agent.kubectl("drain", node.split("/")[1], "--timeout=8s", "--force",
                            "--grace-period=1", check=False)
    assert refused.returncode == 1
    assert "Cannot evict pod as it would violate the pod's disruption budget" in refused.stdout + refused.stderr
    assert len(agent.pods("app=web")) == 2
    agent.kubectl("delete", "pdb", "web")
    drained = agent.kubectl("drain", node.split("/")[1], "--timeout=60s", "--force", "--grace-period=1")
    assert f"{node} drained" in drained.stdout
    agent.kubectl("uncordon", node.split("/")[1])
    agent.kubectl("delete", "deployment", "web", "--grace-period=1")


def test_user_names_that_lie_are_refused(agent):
    for arguments in (["--user", "system:admin"], ["--user", "a", "--group", "system:nodes"], ["--user", ""]):
        refused = agent.cli("kubeconfig", *arguments, check=False)
        assert refused.returncode != 0, arguments
        assert "cannot be given" in refused.stderr, refused.stderr


def test_a_namespace_bounds_what_runs_in_it(agent):
    """Quotas, limit ranges and Pod Security, as `kubectl` shows them."""
    k = agent.kubectl
    k("create", "namespace", "tight")
    k("create", "quota", "q", "--hard=pods=1,limits.memory=64Mi", "-n", "tight")
    limits = {"apiVersion": "v1", "kind": "LimitRange", "metadata": {"name": "l", "namespace": "tight"},
              "spec": {"limits": [{"type": "Container", "default": {"memory": "32Mi"}, "max": {"memory": "48Mi"}}]}}
    k("apply", "-f", "-", input=json.dumps(limits))
    k("create", "deployment", "web", "--image=busybox:test", "--replicas=2", "-n", "tight", "--", *SLEEP)
    wait_for(lambda: "limits.memory: 32Mi/64Mi" in k("get", "quota", "q", "-n", "tight").stdout, "usage")
    assert "pods: 1/1" in k("get", "quota", "q", "-n", "tight").stdout
    wait_for(lambda: "exceeded quota: q, requested: pods=1, used: pods=1, limited: pods=1"
             in k("describe", "rs", "-n", "tight").stdout, "the refusal is told")
    assert len(agent.pods(namespace="tight")) == 1
    big = k("run", "big", "--image=busybox:test", "-n", "tight", check=False,
            *['--overrides={"spec":{"containers":[{"name":"big","image":"busybox:test",'
              '"resources":{"limits":{"memory":"1Gi"}}}]}}'])
    assert big.returncode == 1
    assert "maximum memory usage per Container is 48Mi, but limit is 1Gi" in big.stderr
    k("label", "namespace", "tight", "pod-security.kubernetes.io/enforce=baseline",
      "pod-security.kubernetes.io/warn=restricted")
    k("delete", "quota", "q", "-n", "tight")
    refused = k("run", "p", "--image=busybox:test", "--privileged", "-n", "tight", check=False)
    assert refused.stderr.endswith(
        'Error from server (Forbidden): pods "p" is forbidden: violates PodSecurity "baseline:latest": privileged '
        '(container "p" must not set securityContext.privileged=true)\n'), refused.stderr
    warned = k("run", "w", "--image=busybox:test", "-n", "tight", "--", *SLEEP)
    assert 'Warning: would violate PodSecurity "restricted:latest": allowPrivilegeEscalation != false' in warned.stderr
    k("delete", "namespace", "tight", "--wait=false")


def test_a_person_is_no_device_and_a_device_no_person(fleet, tmp_path):
    """The broker takes devices only, though a person is called like one; the API takes no device for a person."""
    hub, agent = fleet
    config = json.loads(subprocess.run(
        ["kubectl", "--kubeconfig", str(user(hub, tmp_path, "dev1")), "config", "view", "--raw", "-o", "json"],
        capture_output=True, text=True, check=True).stdout)
    person = config["users"][0]["user"]
    for name, data in (("person.pem", person["client-certificate-data"]), ("person.key", person["client-key-data"])):
        (tmp_path / name).write_bytes(base64.b64decode(data))
    identity = agent.data / "identity"
    text = (hub.run_dir / "broker" / "mosquitto.conf").read_text()
    port = re.search(r"^listener (\d+)", text, re.M)[1]
    authority = tmp_path / "ca.pem"
    authority.write_bytes(base64.b64decode(config["clusters"][0]["cluster"]["certificate-authority-data"]))

    def publish(cert, key):
        return subprocess.run(
            ["mosquitto_pub", "-h", "127.0.0.1", "-p", port, "--cafile", str(authority), "--cert", str(cert), "--key",
             str(key), "-t", "x", "-m", "y", "-V", "5"], capture_output=True, text=True, timeout=30)

    refused = publish(tmp_path / "person.pem", tmp_path / "person.key")
    assert refused.returncode != 0, "a person got into the broker"
    address = config["clusters"][0]["cluster"]["server"].removeprefix("https://")

    def whoami(cert, key):
        context = ssl.create_default_context(cafile=str(authority))
        context.load_cert_chain(str(cert), str(key))
        connection = HTTPSConnection(address, context=context, timeout=10)
        connection.request("POST", "/apis/authentication.k8s.io/v1/selfsubjectreviews", "{}",
                           {"Content-Type": "application/json"})
        response = connection.getresponse()
        return response.status, response.read().decode()

    status, answer = whoami(tmp_path / "person.pem", tmp_path / "person.key")
    assert status == 201 and '"username":"dev1"' in answer
    assert whoami(identity / "certificate.pem", identity / "key.pem")[0] == 401
