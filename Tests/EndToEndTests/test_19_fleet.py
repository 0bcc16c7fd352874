"""A fleet of several devices: who belongs to it, what each gets, and what becomes of one that is removed."""

import itertools
import json
import re
import shutil
import ssl
import subprocess
import threading
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from harness import SLEEP, WHERRY, Agent, Hub, deployment, import_busybox, oci_layout, pod, run, wait_for
from test_05_offline import broker_pid, ready_state
from test_11_bad_input import refused


@pytest.fixture
def pair(place, images):
    """A hub with two devices."""
    hub = Hub(place / "h").start()
    agents = [Agent(place / name) for name in ("dev1", "dev2")]
    try:
        for agent, name in zip(agents, ("dev1", "dev2")):
            hub.enrol(agent, name)
            agent.start()
            import_busybox(agent, images)
        yield hub, agents
    finally:
        for agent in agents:
            agent.remove_everything()
        hub.stop()


def test_each_device_gets_what_is_meant_for_it_and_the_hub_sums_up(pair):
    hub, (one, two) = pair
    hub.kubectl("label", "node", "dev2", "site=harbour")
    required = {"nodeSelectorTerms": [{"matchExpressions": [
        {"key": "kubernetes.io/os", "operator": "In", "values": ["linux"]}, {"key": "site", "operator": "NotIn", "values": ["harbour"]}]}]}
    hub.apply([pod("ashore", SLEEP, affinity={"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": required}})])
    wait_for(lambda: one.running("ashore"), "the pod runs where its affinity says")
    assert not two.pods()
    hub.kubectl("delete", "pod", "ashore")
    wait_for(lambda: not hub.pods(), "it is gone everywhere")
    hub.apply([deployment("everywhere", 2, SLEEP), deployment("there", 1, SLEEP, node_selector={"site": "harbour"}),
               pod("single", SLEEP, nodeSelector={"site": "harbour"})])
    hub.kubectl("rollout", "status", "deployment/everywhere", "--timeout=40s")
    hub.kubectl("rollout", "status", "deployment/there", "--timeout=40s")
    wait_for(lambda: two.running("single"), "the pod runs where its selector says")
    assert [len(agent.pods("app=everywhere")) for agent in (one, two)] == [2, 2]
    assert not one.pods("app=there") and len(two.pods("app=there")) == 1
    wait_for(lambda: len(hub.pods("app=everywhere")) == 4, "the hub shows the pods of both")
    wide = hub.kubectl("get", "pods", "-o", "wide").stdout
    assert wide.count(" dev1 ") == 2 and wide.count(" dev2 ") == 4, wide
    nodes = hub.kubectl("get", "nodes").stdout.splitlines()
    assert "LAST-CONTACT" in nodes[0] and len(nodes) == 3, nodes
    for line in nodes[1:]:
        assert re.search(r"^dev\d +Ready .*\d+s", line), nodes
    shown = hub.kubectl("get", "deploy").stdout
    # A device that no longer matches loses what was meant for it, and only that.
    hub.kubectl("label", "node", "dev2", "site=inland", "--overwrite")
    wait_for(lambda: not two.pods("app=there") and len(two.pods()) == 2, "taken away from dev2", 30)
    assert len(one.pods("app=everywhere")) == 2
    assert re.search(r"everywhere +4/4 ", shown), shown


def test_a_device_that_is_deleted_is_out_keeps_its_work_and_may_join_again(pair, images):
    hub, (one, two) = pair
    hub.apply(deployment("work", 1, SLEEP))
    hub.kubectl("rollout", "status", "deployment/work", "--timeout=40s")
    before = one.container_pids()
    assert "deleted" in hub.kubectl("delete", "node", "dev1").stdout
    wait_for(lambda: {p["spec"]["nodeName"] for p in hub.pods("app=work")} == {"dev2"}, "its pods left the hub", 20)
    hub.apply(deployment("later", 1, SLEEP))
    wait_for(lambda: two.pods("app=later")[0]["status"]["phase"] == "Running", "the other device goes on", 40)
    assert not one.pods("app=later"), "a removed device still gets work"
    assert before and one.container_pids() == before, "nothing is deleted because the hub forgot the device"
    assert one.get("/readyz")[0] == 200
    assert [n["metadata"]["name"] for n in hub.json("/api/v1/nodes")["items"]] == ["dev2"], "it does not come back by itself"
    one.stop()
    shutil.move(one.data / "identity", one.directory / "old-identity")
    hub.enrol(one, "dev1")
    one.start()
    wait_for(lambda: ready_state(hub) == "True", "it is a member again", 20)
    wait_for(lambda: one.pods("app=later")[0]["status"]["phase"] == "Running", "and gets its work", 40)


def test_a_device_that_is_deleted_while_connected_is_cut_off_at_once(pair):
    hub, (one, two) = pair
    one.stop()
    identity = one.data / "identity"
    host, port = json.loads((identity / "link.json").read_text())["brokers"][0].rsplit(":", 1)
    listen = ["stdbuf", "-oL", "mosquitto_sub", "-h", host, "-p", port, "--cafile", identity / "ca.pem", "--cert",
              identity / "certificate.pem", "--key", identity / "key.pem", "-V", "5", "-i", "dev1", "-d",
              "-t", "wh/1/d/dev1/dn/#", "-t", "wh/1/hub/state"]
    log = one.directory / "thief.log"
    thief = subprocess.Popen([str(a) for a in listen], stdout=open(log, "w"), stderr=subprocess.STDOUT)
    try:
        wait_for(lambda: "received SUBACK" in log.read_text() and "PUBLISH" in log.read_text(), "it is connected", 30)
        hub.kubectl("delete", "node", "dev1")
        # It is thrown out, tries to come back as a stolen device would, and stays outside.
        wait_for(lambda: log.read_text().count("sending CONNECT") > 1, "its session ends", 30)
        wait_for(lambda: "certificate revoked" in log.read_text(), "it cannot come back", 20)
        assert log.read_text().count("received CONNACK (0)") == 1, log.read_text()
    finally:
        thief.kill()
        thief.wait()
    assert not list(hub.run_dir.glob("takeover*")), "the hub leaves no key lying about"
    wait_for(lambda: two.get("/readyz")[0] == 200, "the other device goes on")
    hub.apply(deployment("later", 1, SLEEP))
    wait_for(lambda: two.pods("app=later")[0]["status"]["phase"] == "Running", "and gets its work", 40)
    assert "was not ended" not in hub.tail(1000), hub.tail()


def test_the_hubs_broker_is_not_root_and_owns_nothing(fleet):
    hub, _ = fleet
    status = Path(f"/proc/{broker_pid(hub)}/status").read_text()
    for name in ("Uid", "Gid"):
        assert "0" not in re.search(rf"{name}:\s+(.*)", status).group(1).split(), status
    assert int(re.search(r"CapPrm:\s+(\w+)", status).group(1), 16) == 0, status
    for path in [hub.run_dir / "broker", *(hub.run_dir / "broker").iterdir()]:
        assert path.stat().st_uid == 0 and path.stat().st_mode & 0o027 == 0, path


def test_who_knocks_too_often_waits_and_the_administrator_does_not(place):
    hub = Hub(place / "h").start()
    try:
        url = re.search(r"https://[^\"\s]+", hub.kubeconfig().read_text()).group(0) + "/wherry/v1/enrol"
        context = ssl._create_unverified_context()

        def knock() -> tuple[int, str | None]:
            request = urllib.request.Request(url, json.dumps({"secret": "x", "csr": "x"}).encode(), method="POST")
            try:
                urllib.request.urlopen(request, timeout=5, context=context)
            except urllib.error.HTTPError as error:
                return error.code, error.headers.get("Retry-After")

        answers = [knock() for _ in range(60)]
        assert answers[0] == (400, None) and answers[-1][0] == 429 and int(answers[-1][1]) >= 1, answers
        assert hub.token().startswith("wherry1.") and hub.get("/readyz")[0] == 200
        # Somebody goes on, so that what comes free meanwhile is not the device's.
        ended, names = threading.Event(), itertools.count()

        def knock_on():
            while not ended.is_set():
                knock()

        def too_early():
            name = f"dev{next(names)}"
            done = run(WHERRY, "join", hub.token(), "--data-dir", place / name, "--node-name", name, check=False)
            return done.returncode != 0 and done
        knocker = threading.Thread(target=knock_on)
        knocker.start()
        try:
            refused(wait_for(too_early, "a device has to wait"), "too many enrolments", "same line again")
        finally:
            ended.set()
            knocker.join()
        wait_for(lambda: knock()[0] == 400, "its turn comes again", 30)
    finally:
        hub.stop()


def test_fleets_side_by_side_do_not_meet(place, images):
    hubs = [Hub(place / "h1").start(), Hub(place / "h2").start()]
    agents = [Agent(place / "a1"), Agent(place / "a2")]
    try:
        for hub, agent in zip(hubs, agents):
            hub.enrol(agent, "dev1")  # the same name in both
            agent.start()
            import_busybox(agent, images)
        hubs[0].apply(deployment("first", 1, SLEEP))
        hubs[1].apply(deployment("second", 1, SLEEP))
        for hub, agent, name, other in ((hubs[0], agents[0], "first", "second"), (hubs[1], agents[1], "second", "first")):
            hub.kubectl("rollout", "status", f"deployment/{name}", "--timeout=40s")
            assert agent.pods(f"app={name}") and not agent.pods(f"app={other}")
        hubs[0].stop()
        hubs[1].kubectl("scale", "deployment/second", "--replicas=2")
        wait_for(lambda: len(agents[1].pods("app=second")) == 2, "the other fleet goes on")
    finally:
        for agent in agents:
            agent.remove_everything()
        for hub in hubs:
            hub.stop()


def test_a_running_device_may_join_and_brings_what_it_has(place, images):
    """Local first: a device that worked alone becomes a member without a restart."""
    hub, agent = Hub(place / "h").start(), Agent(place / "a", "--node-name", "dev1").start()
    try:
        import_busybox(agent, images)
        agent.apply(deployment("own", 1, SLEEP))
        agent.kubectl("rollout", "status", "deployment/own", "--timeout=30s")
        before = agent.container_pids()
        hub.enrol(agent, "dev1")
        wait_for(lambda: ready_state(hub) == "True", "it is a member", 20)
        wait_for(lambda: [p["spec"]["nodeName"] for p in hub.pods("app=own")] == ["dev1"], "its own work is seen", 20)
        hub.apply(deployment("new", 1, SLEEP))
        wait_for(lambda: agent.pods("app=new")[0]["status"]["phase"] == "Running", "the hub's work arrives", 40)
        assert before.items() <= agent.container_pids().items()
    finally:
        agent.remove_everything()
        hub.stop()


def test_an_advertised_name_is_what_devices_use(place, images):
    hub = Hub(place / "h", "--listen", "0.0.0.0:0", "--mqtt-listen", "0.0.0.0:0", "--advertise", "localhost").start()
    agent = Agent(place / "a")
    try:
        hub.enrol(agent, "dev1")
        broker, = json.loads((agent.data / "identity/link.json").read_text())["brokers"]
        assert broker.startswith("localhost:"), broker
        agent.start()
        wait_for(lambda: ready_state(hub) == "True", "ready over the advertised name", 20)
    finally:
        agent.remove_everything()
        hub.stop()


def test_images_are_loaded_listed_used_and_removed(agent, place, images):
    layout = oci_layout(images, ["sh", "-c", "echo from the image; sleep 1000000"], tag="loaded")
    run("skopeo", "copy", "-q", f"oci:{layout}", f"oci-archive:{place}/oci.tar:example.test/app:oci")
    run("skopeo", "copy", "-q", f"oci:{layout}", f"docker-archive:{place}/docker.tar:example.test/app:docker")
    run("skopeo", "copy", "-q", "--dest-compress-format", "zstd", "--dest-compress", f"oci:{layout}",
        f"oci:{place}/zstd:example.test/app:zstd")
    run("tar", "cf", place / "zstd.tar", "-C", place / "zstd", ".")
    for kind in ("oci", "docker", "zstd"):
        text = agent.cli("load", str(place / f"{kind}.tar")).stdout
        assert f"example.test/app:{kind}" in text, (kind, text)
    listed = agent.cli("images").stdout
    assert all(f"example.test/app:{kind}" in listed for kind in ("oci", "docker", "zstd")), listed
    for kind in ("oci", "docker", "zstd"):
        value = pod(kind, SLEEP, image=f"example.test/app:{kind}")
        value["spec"]["containers"][0].pop("command")
        agent.apply(value)
    for kind in ("oci", "docker", "zstd"):
        wait_for(lambda k=kind: "from the image" in agent.kubectl("logs", k).stdout, f"{kind} runs")
    held = agent.cli("rmi", *(f"example.test/app:{kind}" for kind in ("oci", "docker", "zstd")), check=False)
    assert held.stdout.count("Untagged") == 2, held.stdout  # one image with three names: the last name goes with it
    refused(held, "example.test/app:zstd", "is using its referenced image", "must force", "remove that container first")
    agent.kubectl("delete", "pod", "oci", "docker", "zstd", "--now")
    before = sum(p.stat().st_size for p in (agent.data / "blobs").rglob("*") if p.is_file())
    removed = agent.cli("rmi", "example.test/app:zstd").stdout
    assert "Untagged: example.test/app:zstd" in removed and "Deleted: sha256:" in removed, removed
    assert "example.test" not in agent.cli("images").stdout and "busybox:test" in agent.cli("images").stdout
    assert sum(p.stat().st_size for p in (agent.data / "blobs").rglob("*") if p.is_file()) < before, "no space came back"


def test_objects_end_at_the_hub_as_they_were_asked_to(fleet):
    """Every propagation policy, finalizers, namespaces and custom kinds, with a kubectl that waits."""
    hub, agent = fleet
    k = hub.kubectl

    def settings(name, owner=None, namespace="default", finalizers=()):
        made = {"apiVersion": "v1", "kind": "ConfigMap",
                "metadata": {"name": name, "namespace": namespace, "finalizers": list(finalizers)}}
        if owner:
            kind, of = owner
            at = json.loads(k("get", kind, of, "-n", namespace, "-o", "json").stdout)
            made["metadata"]["ownerReferences"] = [
                {"apiVersion": at["apiVersion"], "kind": at["kind"], "name": of, "uid": at["metadata"]["uid"],
                 "blockOwnerDeletion": True}]
        hub.apply(made)

    def gone(kind, name, namespace="default", daemon=hub):
        found = daemon.kubectl("get", kind, name, "-n", namespace, "--ignore-not-found", "-o", "name").stdout
        return found == ""

    for cascade in ("background", "foreground"):
        hub.apply(deployment(cascade, 1, SLEEP))
        settings(f"of-{cascade}", ("deployment", cascade))
        wait_for(lambda c=cascade: agent.pods(f"app={c}") and hub.pods(f"app={c}"), f"the pod of {cascade} is there and shown")
        k("delete", "deployment", cascade, f"--cascade={cascade}", "--wait", "--timeout=30s")
        wait_for(lambda c=cascade: gone("configmap", f"of-{c}"), f"what {cascade} owned is gone")
        wait_for(lambda c=cascade: not agent.pods(f"app={c}") and not hub.pods(f"app={c}"), f"the pod of {cascade} is gone")

    settings("owner")
    settings("orphan", ("configmap", "owner"))
    k("delete", "configmap", "owner", "--cascade=orphan", "--wait", "--timeout=30s")
    assert "ownerReferences" not in hub.json("/api/v1/namespaces/default/configmaps/orphan")["metadata"]
    hub.apply(deployment("kept", 1, SLEEP))
    wait_for(lambda: agent.pods("app=kept"), "a pod is there")
    refused(k("delete", "deployment", "kept", "--cascade=orphan", check=False), "propagationPolicy", "use Background")
    assert "deletionTimestamp" not in hub.json("/apis/apps/v1/namespaces/default/deployments/kept")["metadata"]

    settings("held", finalizers=["example.com/hold"])
    k("delete", "configmap", "held", "--wait=false")
    assert hub.json("/api/v1/namespaces/default/configmaps/held")["metadata"]["deletionTimestamp"]
    k("patch", "configmap", "held", "--type=merge", "-p", '{"metadata":{"finalizers":null}}')
    assert gone("configmap", "held")
    hub.apply(pod("bound", SLEEP, nodeName="dev1"))
    wait_for(lambda: agent.running("bound"), "the pod for one device runs")
    k("delete", "pod", "bound", "--wait", "--timeout=30s")
    wait_for(lambda: not [p for p in agent.pods() if p["metadata"]["name"] == "bound"], "it is gone from the device")

    group = "fleet.example.com"
    hub.apply({"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
               "metadata": {"name": f"boats.{group}"},
               "spec": {"group": group, "scope": "Cluster",
                        "names": {"plural": "boats", "singular": "boat", "kind": "Boat", "listKind": "BoatList"},
                        "versions": [{"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": {
                            "type": "object", "x-kubernetes-preserve-unknown-fields": True}}}]}})
    hub.apply({"apiVersion": f"{group}/v1", "kind": "Boat", "metadata": {"name": "wherry"}})
    settings("oar", ("boat", "wherry"))
    k("delete", "boat", "wherry", "--cascade=foreground", "--wait", "--timeout=30s")
    assert gone("configmap", "oar")
    k("delete", "crd", f"boats.{group}", "--cascade=foreground", "--wait", "--timeout=30s")


def test_a_namespace_of_the_hub_ends_with_all_that_is_in_it_and_does_not_come_back(fleet):
    hub, agent = fleet
    k = hub.kubectl
    k("create", "namespace", "team")
    wanted = deployment("work", 2, ["sh", "-c", "trap '' TERM; sleep 1000000"])
    wanted["metadata"]["namespace"] = "team"
    wanted["spec"]["template"]["spec"]["terminationGracePeriodSeconds"] = 3
    held = {"apiVersion": "v1", "kind": "ConfigMap",
            "metadata": {"name": "held", "namespace": "team", "finalizers": ["example.com/hold"]}}
    hub.apply([wanted, held])
    wait_for(lambda: len(hub.pods("app=work", "team")) == 2, "the pods are shown")
    k("delete", "namespace", "team", "--wait=false")
    wait_for(lambda: hub.json("/api/v1/namespaces/team/configmaps/held")["metadata"].get("deletionTimestamp"), "held")
    assert hub.json("/api/v1/namespaces/team")["status"]["phase"] == "Terminating"
    k("patch", "configmap", "held", "-n", "team", "--type=merge", "-p", '{"metadata":{"finalizers":null}}')
    # What the device has is shown until it has ended it; then nothing is left, on either side.
    wait_for(lambda: agent.get("/api/v1/namespaces/team")[0] == 404, "the device's namespace is gone", 60)
    wait_for(lambda: hub.get("/api/v1/namespaces/team")[0] == 404, "the hub's namespace is gone", 60)
    assert not hub.pods("", "team")
    # Deleted and made again at once, while the device is still busy with the old.
    k("create", "namespace", "team")
    wanted["spec"]["replicas"] = 1
    hub.apply(wanted)
    (old,) = wait_for(lambda: hub.pods("app=work", "team"), "a pod is shown")
    k("delete", "namespace", "team", "--wait", "--timeout=30s")
    k("create", "namespace", "team")
    hub.apply(wanted)
    (new,) = wait_for(lambda: [p for p in agent.pods("app=work", "team") if p["metadata"]["uid"] != old["metadata"]["uid"]],
                      "the new pod", 60)
    wait_for(lambda: [p["metadata"]["uid"] for p in hub.pods("app=work", "team")] == [new["metadata"]["uid"]],
             "the hub shows the new pod alone", 60)
    k("delete", "namespace", "team", "--wait", "--timeout=30s")
    wait_for(lambda: hub.get("/api/v1/namespaces/team")[0] == 404, "the hub's namespace is gone again", 60)
    # A namespace of the device alone is shown for as long as something is in it.
    agent.kubectl("create", "namespace", "own")
    agent.apply(pod("local", SLEEP, metadata={"namespace": "own"}))
    wait_for(lambda: hub.pods("", "own"), "the device's own is shown")
    agent.kubectl("delete", "namespace", "own", "--timeout=30s")
    wait_for(lambda: hub.get("/api/v1/namespaces/own")[0] == 404, "and is gone with it")
