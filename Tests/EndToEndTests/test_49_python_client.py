"""PyPI's `kubernetes`, `lightkube` and `kr8s` over TLS: typed objects, patches, watches, pages, refusals, the dynamic client.

exec and port-forward of the same client are in test_38.
"""

import contextlib
import copy
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from types import SimpleNamespace

import pytest

from harness import SLEEP, Agent, deployment, import_busybox, pod, wait_for
from packages import KR8S, LIGHTKUBE, kubernetes_client, python_path
from python_objects import OBJECTS

NAMESPACE = "default"


@pytest.fixture(scope="module")
def device(images):
    place = Path(tempfile.mkdtemp(prefix="w-", dir="/tmp"))
    agent = Agent(place / "a", "--node-name", "dev1").start()
    try:
        import_busybox(agent, images)
        agent.kubeconfig()
        yield agent
    finally:
        agent.remove_everything()
        shutil.rmtree(place, ignore_errors=True)


@pytest.fixture(scope="module")
def k(device):
    """The client's modules, and its APIs by name, as `k.CoreV1Api`."""
    path = str(kubernetes_client())
    sys.path.insert(0, path)
    from kubernetes import client, config, dynamic, utils, watch
    api = config.new_client_from_config(str(device.directory / "kubeconfig"))
    names = [name for name in dir(client) if name.endswith("Api")]
    yield SimpleNamespace(api=api, client=client, dynamic=dynamic, utils=utils, watch=watch, config=config,
                          Error=client.ApiException, **{name: getattr(client, name)(api) for name in names})
    sys.path.remove(path)


@contextlib.contextmanager
def patch_type(k, media):
    """The generated client sends a list as JSON patch and all else as strategic merge; others by header."""
    k.api.set_default_header("Content-Type", media)
    try:
        yield
    finally:
        del k.api.default_headers["Content-Type"]


@contextlib.contextmanager
def refused(k, code, reason):
    """What is refused comes as an exception with a Status for a body; gives the Status when it is over."""
    status = SimpleNamespace()
    with pytest.raises(k.Error) as raised:
        yield status
    body = json.loads(raised.value.body)
    assert (raised.value.status, body["kind"], body["apiVersion"], body["status"]) == (code, "Status", "v1", "Failure"), body
    assert (body["code"], body["reason"]) == (code, reason), body
    status.__dict__.update(body, phrase=raised.value.reason)


def config_map(name, **data):
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "labels": {"of": name.split("-")[0]}},
            "data": data}


def contains(whole, part):
    """Whether everything that `part` says stands in `whole`, too."""
    if isinstance(part, dict):
        return isinstance(whole, dict) and all(key in whole and contains(whole[key], part[key]) for key in part)
    if isinstance(part, list):
        return isinstance(whole, list) and len(whole) == len(part) and all(map(contains, whole, part))
    if isinstance(whole, str) and isinstance(part, str) and part.endswith("Z"):
        # Python writes times its own way.
        return whole.replace("+00:00", "Z") == part
    return whole == part


@pytest.mark.parametrize("api, kind, namespaced, body", OBJECTS, ids=[entry[1] for entry in OBJECTS])
def test_objects_of_every_group(k, api, kind, namespaced, body):
    """create, read, list, replace with what was read, patch, delete: and nothing of the object is lost in Python's types."""
    group = getattr(k, api)
    place = {"namespace": NAMESPACE} if namespaced else {}

    def call(verb, *arguments, **more):
        method = f"{verb}_namespaced_{kind}" if namespaced else f"{verb}_{kind}"
        return getattr(group, method)(*arguments, **place, **more)

    created = call("create", body=body)
    try:
        assert type(created).__name__.endswith(body["kind"])
        assert created.metadata.uid and created.metadata.resource_version and created.metadata.creation_timestamp.tzinfo
        assert contains(k.api.sanitize_for_serialization(created), body)
        with refused(k, 409, "AlreadyExists") as status:
            call("create", body=body)
        assert status.message.endswith(' "py" already exists') and status.details["name"] == "py"
        read = call("read", "py")
        assert contains(k.api.sanitize_for_serialization(read), body)
        listed = call("list", label_selector="app=py")
        assert [item.metadata.uid for item in listed.items] == [created.metadata.uid]
        assert listed.kind == body["kind"] + "List"

        def replace():
            """As every client: the controllers and the agent write, too."""
            read = call("read", "py")
            read.metadata.annotations["b"] = "2"
            try:
                return call("replace", "py", body=read)
            except k.Error as error:
                assert error.status == 409, error
        replaced = wait_for(replace, "it was replaced")
        assert replaced.metadata.annotations["b"] == "2"
        assert contains(k.api.sanitize_for_serialization(replaced), body)
        # A field of the body that the type does not know is said, not dropped in silence.
        with refused(k, 400, "BadRequest") as status:
            call("patch", "py", body={"metadata": {"nonsense": 1}}, field_validation="Strict")
        assert 'unknown field "metadata.nonsense"' in status.message
        patched = call("patch", "py", body={"metadata": {"labels": {"c": "3"}}})
        assert contains(patched.metadata.labels, {**body["metadata"]["labels"], "c": "3"})
    finally:
        call("delete", "py", **({"grace_period_seconds": 0} if kind == "pod" else {}))

    def is_gone():
        try:
            call("read", "py")
        except k.Error as error:
            return error.status == 404 and error.reason == "Not Found"
    wait_for(is_gone, f"{kind} is gone")


def test_typed_models_make_objects(k):
    c = k.client
    made = k.AppsV1Api.create_namespaced_deployment(NAMESPACE, c.V1Deployment(
        metadata=c.V1ObjectMeta(name="typed", labels={"app": "typed"}),
        spec=c.V1DeploymentSpec(
            replicas=0, selector=c.V1LabelSelector(match_labels={"app": "typed"}),
            template=c.V1PodTemplateSpec(
                metadata=c.V1ObjectMeta(labels={"app": "typed"}),
                spec=c.V1PodSpec(containers=[c.V1Container(
                    name="c", image="a/b", env=[c.V1EnvVar(name="A", value="b")],
                    liveness_probe=c.V1Probe(http_get=c.V1HTTPGetAction(path="/", port="http")),
                    resources=c.V1ResourceRequirements(limits={"cpu": "100m"}))])))))
    container = made.spec.template.spec.containers[0]
    assert container.env == [c.V1EnvVar(name="A", value="b")] and container.liveness_probe.http_get.port == "http"
    assert container.liveness_probe.period_seconds == 10 and container.resources.requests == {"cpu": "100m"}
    assert made.spec.strategy.rolling_update.max_surge == "25%" and made.spec.progress_deadline_seconds == 600
    with refused(k, 422, "Invalid") as status:
        made.spec.selector.match_labels = {"app": "other"}
        made.metadata.resource_version = None
        k.AppsV1Api.replace_namespaced_deployment("typed", NAMESPACE, made)
    assert {cause["field"] for cause in status.details["causes"]} >= {"spec.selector"}
    k.AppsV1Api.delete_namespaced_deployment("typed", NAMESPACE)


def test_every_kind_of_patch(k):
    core = k.CoreV1Api
    core.create_namespaced_config_map(NAMESPACE, config_map("patched", a="1", b="2"))

    def patch(body, **more):
        return core.patch_namespaced_config_map("patched", NAMESPACE, body, **more)

    assert patch([{"op": "test", "path": "/data/a", "value": "1"}, {"op": "add", "path": "/data/c", "value": "3"},
                  {"op": "remove", "path": "/data/b"}]).data == {"a": "1", "c": "3"}
    with refused(k, 422, "Invalid"):
        patch([{"op": "test", "path": "/data/a", "value": "9"}])
    assert patch({"data": {"a": None, "d": "4"}}).data == {"c": "3", "d": "4"}  # strategic merge
    with patch_type(k, "application/merge-patch+json"):
        assert patch({"data": {"c": None, "e": "5"}}).data == {"d": "4", "e": "5"}
    with patch_type(k, "application/apply-patch+yaml"):
        applied = patch({"apiVersion": "v1", "kind": "ConfigMap", "data": {"f": "6"}}, field_manager="m")
        assert applied.data == {"d": "4", "e": "5", "f": "6"}
        assert [m.manager for m in applied.metadata.managed_fields if m.operation == "Apply"] == ["m"]
        assert patch({"apiVersion": "v1", "kind": "ConfigMap", "data": {}}, field_manager="m").data == {"d": "4", "e": "5"}
        with refused(k, 422, "Invalid") as status:
            patch({"apiVersion": "v1", "kind": "ConfigMap", "data": {}})
        assert "fieldManager: Required value" in status.message
    with patch_type(k, "application/json"):
        with refused(k, 415, "UnsupportedMediaType") as status:
            patch({"data": {"g": "7"}})
    assert "accepted media types include: application/json-patch+json, application/merge-patch+json" in status.message
    core.delete_namespaced_config_map("patched", NAMESPACE)


def test_a_stale_write_is_a_conflict(k):
    core = k.CoreV1Api
    first = core.create_namespaced_config_map(NAMESPACE, config_map("stale", a="1"))
    core.patch_namespaced_config_map("stale", NAMESPACE, {"data": {"a": "2"}})
    first.data = {"a": "3"}
    with refused(k, 409, "Conflict") as status:
        core.replace_namespaced_config_map("stale", NAMESPACE, first)
    assert status.message == ('Operation cannot be fulfilled on configmaps "stale": the object has been modified; please apply '
                              "your changes to the latest version and try again")
    assert status.details == {"name": "stale", "kind": "configmaps"} and status.phrase == "Conflict"
    with refused(k, 409, "Conflict"):
        core.patch_namespaced_config_map(
            "stale", NAMESPACE, {"metadata": {"resourceVersion": first.metadata.resource_version}, "data": {"a": "3"}})
    first.metadata.resource_version = None
    assert core.replace_namespaced_config_map("stale", NAMESPACE, first).data == {"a": "3"}
    with refused(k, 409, "Conflict") as status:
        core.delete_namespaced_config_map("stale", NAMESPACE, body=k.client.V1DeleteOptions(
            preconditions=k.client.V1Preconditions(uid="00000000-0000-0000-0000-000000000000")))
    assert "Precondition failed: UID in precondition: 00000000-0000-0000-0000-000000000000" in status.message
    core.delete_namespaced_config_map("stale", NAMESPACE)


def test_a_dry_run_changes_nothing(k):
    core = k.CoreV1Api
    tried = core.create_namespaced_config_map(NAMESPACE, config_map("dry", a="1"), dry_run="All")
    assert tried.metadata.uid
    with refused(k, 404, "NotFound"):
        core.read_namespaced_config_map("dry", NAMESPACE)
    before = core.create_namespaced_config_map(NAMESPACE, config_map("dry", a="1"))
    assert core.patch_namespaced_config_map("dry", NAMESPACE, {"data": {"a": "2"}}, dry_run="All").data == {"a": "2"}
    changed = copy.deepcopy(before)
    changed.data = {"a": "3"}
    assert core.replace_namespaced_config_map("dry", NAMESPACE, changed, dry_run="All").data == {"a": "3"}
    core.delete_namespaced_config_map("dry", NAMESPACE, dry_run="All")
    core.delete_collection_namespaced_config_map(NAMESPACE, label_selector="of=dry", dry_run="All")
    assert core.read_namespaced_config_map("dry", NAMESPACE) == before
    with refused(k, 404, "NotFound"):
        core.delete_namespaced_config_map("absent", NAMESPACE, dry_run="All")
    core.delete_namespaced_config_map("dry", NAMESPACE)


def test_selectors_and_pages(k):
    core = k.CoreV1Api
    for number in range(7):
        core.create_namespaced_config_map(NAMESPACE, config_map(f"page-{number}", n=str(number)))

    def names(**query):
        return [item.metadata.name for item in core.list_namespaced_config_map(NAMESPACE, **query).items]

    assert names(label_selector="of=page") == [f"page-{number}" for number in range(7)]
    assert names(label_selector="of in (page),!x") == names(label_selector="of=page")
    assert names(label_selector="of=page", field_selector="metadata.name!=page-0,metadata.namespace=default") == [
        f"page-{number}" for number in range(1, 7)]
    assert names(field_selector="metadata.name=page-3") == ["page-3"]
    with refused(k, 400, "BadRequest") as status:
        names(field_selector="data.n=1")
    assert status.message == 'field label not supported: data.n'
    with refused(k, 400, "BadRequest"):
        names(label_selector="of in page")
    found, token, sizes = [], None, []
    while True:
        page = core.list_namespaced_config_map(NAMESPACE, label_selector="of=page", limit=3, _continue=token)
        found += [item.metadata.name for item in page.items]
        sizes.append(len(page.items))
        # What is made meanwhile is not in the list that began before.
        core.create_namespaced_config_map(NAMESPACE, config_map(f"page-z{len(sizes)}"))
        token = page.metadata._continue
        if not token:
            break
    assert sizes == [3, 3, 1] and found == [f"page-{number}" for number in range(7)]
    with refused(k, 400, "BadRequest"):
        names(_continue="nonsense")
    gone = core.delete_collection_namespaced_config_map(NAMESPACE, label_selector="of=page")
    assert gone is not None and names(label_selector="of=page") == []


def test_watches(k):
    core = k.CoreV1Api
    start = core.list_namespaced_config_map(NAMESPACE).metadata.resource_version
    core.create_namespaced_config_map(NAMESPACE, config_map("seen-1", a="1"))
    core.patch_namespaced_config_map("seen-1", NAMESPACE, {"data": {"a": "2"}})
    core.create_namespaced_config_map(NAMESPACE, config_map("other-1", a="1"))
    core.create_namespaced_config_map(NAMESPACE, config_map("seen-2", a="1"))
    core.delete_namespaced_config_map("seen-1", NAMESPACE)
    # An object that leaves the selection is gone for its watcher, one that enters is new.
    core.patch_namespaced_config_map("seen-2", NAMESPACE, {"metadata": {"labels": {"of": "x"}}})
    core.patch_namespaced_config_map("seen-2", NAMESPACE, {"metadata": {"labels": {"of": "seen"}}})

    def events(**query):
        query = {"label_selector": "of=seen", "resource_version": start, "timeout_seconds": 1} | query
        return [(e["type"], e["object"].metadata.name, e["object"].metadata.resource_version)
                for e in k.watch.Watch().stream(core.list_namespaced_config_map, NAMESPACE, **query)]

    seen = events()
    assert [event[:2] for event in seen] == [
        ("ADDED", "seen-1"), ("MODIFIED", "seen-1"), ("ADDED", "seen-2"), ("DELETED", "seen-1"), ("DELETED", "seen-2"),
        ("ADDED", "seen-2")]
    versions = [int(event[2]) for event in seen]
    assert versions == sorted(versions) and len(set(versions)) == len(versions)
    # It goes on after any event, without a gap and without a repetition.
    for index in (0, 3):
        assert events(resource_version=seen[index][2]) == seen[index + 1:]
    # Without a version it begins with what there is.
    assert [event[:2] for event in events(resource_version=None)] == [("ADDED", "seen-2")]
    # One that waits is told at once, and ends when it is told to.
    watcher, met = k.watch.Watch(), []

    def follow():
        for event in watcher.stream(core.list_namespaced_config_map, NAMESPACE, label_selector="of=live",
                                    resource_version=start):
            met.append((event["type"], event["object"].data))
            if len(met) == 3:
                watcher.stop()

    thread = threading.Thread(target=follow)
    thread.start()
    core.create_namespaced_config_map(NAMESPACE, config_map("live-1", a="1"))
    wait_for(lambda: len(met) == 1, "the first event")
    core.patch_namespaced_config_map("live-1", NAMESPACE, {"data": {"a": "2"}})
    core.delete_namespaced_config_map("live-1", NAMESPACE)
    thread.join(30)
    assert not thread.is_alive()
    assert met == [("ADDED", {"a": "1"}), ("MODIFIED", {"a": "2"}), ("DELETED", {"a": "2"})]
    # The state, then a bookmark that says so, as informers ask for it.
    raw = core.api_client.call_api(
        f"/api/v1/namespaces/{NAMESPACE}/configmaps", "GET", query_params=[
            ("watch", "1"), ("allowWatchBookmarks", "true"), ("sendInitialEvents", "true"),
            ("resourceVersionMatch", "NotOlderThan"), ("labelSelector", "of=seen"), ("timeoutSeconds", "2")],
        auth_settings=["BearerToken"], _preload_content=False, _return_http_data_only=True)
    lines = [json.loads(line) for line in raw.data.decode().splitlines()]
    assert [line["type"] for line in lines] == ["ADDED", "BOOKMARK"]
    assert lines[1]["object"]["metadata"]["annotations"] == {"k8s.io/initial-events-end": "true"}
    assert lines[1]["object"]["kind"] == "ConfigMap"
    core.delete_namespaced_config_map("seen-2", NAMESPACE)
    core.delete_namespaced_config_map("other-1", NAMESPACE)


def test_a_watch_from_a_forgotten_version_expires(k):
    core = k.CoreV1Api
    start = core.list_namespaced_config_map(NAMESPACE).metadata.resource_version
    core.create_namespaced_config_map(NAMESPACE, config_map("big", a=""))
    for number in range(8):
        core.patch_namespaced_config_map("big", NAMESPACE, {"data": {"a": str(number) * 300_000}})
    with pytest.raises(k.Error) as raised:
        for _ in k.watch.Watch().stream(core.list_namespaced_config_map, NAMESPACE, resource_version=start, timeout_seconds=5):
            pass
    assert raised.value.status == 410
    assert raised.value.reason.startswith(f"Expired: too old resource version: {start} (")
    # What the client's documentation says to do then.
    listed = core.list_namespaced_config_map(NAMESPACE)
    core.patch_namespaced_config_map("big", NAMESPACE, {"data": {"a": "small"}})
    (event,) = k.watch.Watch().stream(core.list_namespaced_config_map, NAMESPACE, timeout_seconds=1,
                                      resource_version=listed.metadata.resource_version)
    assert (event["type"], event["object"].data) == ("MODIFIED", {"a": "small"})
    core.delete_namespaced_config_map("big", NAMESPACE)


def test_deleting(k):
    apps, core = k.AppsV1Api, k.CoreV1Api

    def make(name):
        apps.create_namespaced_deployment(NAMESPACE, deployment(name, 1, SLEEP))
        wait_for(lambda: sets(name) and pods(name), f"{name} has a pod")

    def sets(name):
        return apps.list_namespaced_replica_set(NAMESPACE, label_selector=f"app={name}").items

    def pods(name):
        return core.list_namespaced_pod(NAMESPACE, label_selector=f"app={name}").items

    def deployments(name):
        return apps.list_namespaced_deployment(NAMESPACE, field_selector=f"metadata.name={name}").items

    make("back")
    answer = apps.delete_namespaced_deployment("back", NAMESPACE, propagation_policy="Background")
    assert (answer.status, answer.details.name, answer.details.kind, answer.details.group) == (
        "Success", "back", "deployments", "apps") and answer.details.uid
    wait_for(lambda: not sets("back") and not pods("back"), "what it owned is gone")
    make("fore")
    apps.delete_namespaced_deployment(
        "fore", NAMESPACE, body=k.client.V1DeleteOptions(propagation_policy="Foreground"))
    wait_for(lambda: not deployments("fore"), "it goes")
    assert not sets("fore") and not pods("fore"), "after all that it owned"
    make("orphan")
    apps.delete_namespaced_deployment("orphan", NAMESPACE, propagation_policy="Orphan")
    wait_for(lambda: not deployments("orphan"), "it goes")
    (left,) = wait_for(lambda: [s for s in sets("orphan") if not s.metadata.owner_references], "its ReplicaSet is nobody's")
    assert len(pods("orphan")) == 1
    apps.delete_collection_namespaced_replica_set(NAMESPACE, label_selector="app=orphan")
    wait_for(lambda: not sets("orphan") and not pods("orphan"), "they are gone")
    with refused(k, 422, "Invalid") as status:
        apps.delete_namespaced_deployment("none", NAMESPACE, propagation_policy="Sometimes")
    assert "propagationPolicy" in status.message


def test_parts_of_objects(k, device):
    apps, core = k.AppsV1Api, k.CoreV1Api
    apps.create_namespaced_deployment(NAMESPACE, deployment("parts", 0, SLEEP))
    scale = apps.read_namespaced_deployment_scale("parts", NAMESPACE)
    assert (scale.kind, scale.spec.replicas or 0, scale.status.selector) == ("Scale", 0, "app=parts")
    scale.spec.replicas = 1
    assert apps.replace_namespaced_deployment_scale("parts", NAMESPACE, scale).spec.replicas == 1
    wait_for(lambda: apps.read_namespaced_deployment_status("parts", NAMESPACE).status.ready_replicas == 1, "a pod is ready")
    assert apps.patch_namespaced_deployment_scale("parts", NAMESPACE, {"spec": {"replicas": 0}}).spec.replicas == 0
    with refused(k, 422, "Invalid"):
        apps.patch_namespaced_deployment_scale("parts", NAMESPACE, {"spec": {"replicas": -1}})
    core.create_namespaced_resource_quota(
        NAMESPACE, {"metadata": {"name": "parts"}, "spec": {"hard": {"pods": "100"}}, "status": {"hard": {"pods": "7"}}})
    wait_for(lambda: core.read_namespaced_resource_quota_status("parts", NAMESPACE).status.hard == {"pods": "100"},
             "the status is not the client's")
    k.BatchV1Api.create_namespaced_job(NAMESPACE, next(dict(o[3]) for o in OBJECTS if o[1] == "job"))
    job = k.BatchV1Api.patch_namespaced_job_status("py", NAMESPACE, {"status": {"failed": 1}, "spec": {"suspend": False}})
    assert job.status.failed == 1 and job.spec.suspend is True
    assert k.BatchV1Api.read_namespaced_job("py", NAMESPACE).status.failed == 1
    for delete in (k.BatchV1Api.delete_namespaced_job, core.delete_namespaced_resource_quota):
        delete({"delete_namespaced_job": "py"}.get(delete.__name__, "parts"), NAMESPACE)
    apps.delete_namespaced_deployment("parts", NAMESPACE)


def test_logs(k):
    core = k.CoreV1Api
    script = "echo one; echo två; echo three >&2; sleep 0.2; exec sleep 1000"
    core.create_namespaced_pod(NAMESPACE, pod("speaks", ["sh", "-c", script]))

    def log():
        with contextlib.suppress(k.Error):  # it has not started
            text = core.read_namespaced_pod_log("speaks", NAMESPACE)
            return text.count("\n") == 3 and text
    text = wait_for(log, "its log")
    assert sorted(text.splitlines()) == ["one", "three", "två"]
    assert core.read_namespaced_pod_log("speaks", NAMESPACE, tail_lines=1).count("\n") == 1
    assert core.read_namespaced_pod_log("speaks", NAMESPACE, limit_bytes=5) == text[:5]
    assert core.read_namespaced_pod_log("speaks", NAMESPACE, timestamps=True).split("\n")[0].endswith("Z " + text.split("\n")[0])
    watcher, lines = k.watch.Watch(), []
    for line in watcher.stream(core.read_namespaced_pod_log, "speaks", NAMESPACE, follow=True):
        lines.append(line)
        if len(lines) == 3:
            watcher.stop()
    assert sorted(lines) == ["one", "three", "två"]
    with refused(k, 400, "BadRequest") as status:
        core.read_namespaced_pod_log("speaks", NAMESPACE, container="no")
    assert status.message == "container no is not valid for pod speaks"
    with refused(k, 404, "NotFound"):
        core.read_namespaced_pod_log("silent", NAMESPACE)
    core.create_namespaced_pod_eviction("speaks", NAMESPACE, k.client.V1Eviction(
        metadata=k.client.V1ObjectMeta(name="speaks"), delete_options=k.client.V1DeleteOptions(grace_period_seconds=0)))
    wait_for(lambda: not core.list_namespaced_pod(NAMESPACE, field_selector="metadata.name=speaks").items, "evicted")


def test_refusals(k, device):
    core = k.CoreV1Api
    with refused(k, 404, "NotFound") as status:
        core.read_namespaced_secret("absent", NAMESPACE)
    assert (status.message, status.phrase) == ('secrets "absent" not found', "Not Found")
    assert status.details == {"name": "absent", "kind": "secrets"}
    with refused(k, 422, "Invalid") as status:
        core.create_namespaced_service(NAMESPACE, {"metadata": {"name": "Bad"}, "spec": {"ports": [{"port": 0}]}})
    assert {(c["reason"], c["field"]) for c in status.details["causes"]} >= {
        ("FieldValueInvalid", "metadata.name"), ("FieldValueInvalid", "spec.ports[0].port")}
    assert status.phrase == "Unprocessable Entity"
    with refused(k, 400, "BadRequest") as status:
        core.create_namespaced_config_map("other", {"metadata": {"name": "a", "namespace": "default"}})
    assert status.message == "the namespace of the provided object does not match the namespace sent on the request"
    with refused(k, 400, "BadRequest"):
        core.create_namespaced_config_map(NAMESPACE, {"kind": "Secret", "apiVersion": "v1", "metadata": {"name": "a"}})
    with refused(k, 404, "NotFound") as status:
        core.create_namespaced_config_map("absent", config_map("a"))
    assert status.message == 'namespaces "absent" not found'
    with refused(k, 404, "NotFound") as status:
        k.CustomObjectsApi.list_cluster_custom_object("none.example", "v1", "things")
    assert status.message == "the server could not find the requested resource"
    with refused(k, 405, "MethodNotAllowed"):
        k.api.call_api("/api/v1/namespaces", "DELETE", auth_settings=["BearerToken"])
    made = core.create_namespaced_config_map(NAMESPACE, {"metadata": {"generateName": "made-"}})
    assert made.metadata.name.startswith("made-") and len(made.metadata.name) == 10
    core.delete_namespaced_config_map(made.metadata.name, NAMESPACE)
    # Somebody without a right, and somebody whom nobody knows.
    core.create_namespaced_service_account(NAMESPACE, {"metadata": {"name": "weak"}})
    token = core.create_namespaced_service_account_token("weak", NAMESPACE, k.client.AuthenticationV1TokenRequest(
        spec=k.client.V1TokenRequestSpec(audiences=[], expiration_seconds=600)))
    assert token.status.expiration_timestamp.tzinfo
    weak = k.client.ApiClient(configured(k, device, token.status.token))
    with refused(k, 403, "Forbidden") as status:
        k.client.CoreV1Api(weak).list_namespaced_secret(NAMESPACE)
    assert status.message == ('secrets is forbidden: User "system:serviceaccount:default:weak" cannot list resource "secrets" in '
                              'API group "" in the namespace "default"')
    with refused(k, 401, "Unauthorized"):
        k.client.CoreV1Api(k.client.ApiClient(configured(k, device, "nonsense"))).list_namespaced_secret(NAMESPACE)
    core.delete_namespaced_service_account("weak", NAMESPACE)


def configured(k, device, token):
    """A configuration that knows the server, and whom the token says."""
    configuration = type.__call__(k.client.Configuration)
    k.config.load_kube_config(str(device.directory / "kubeconfig"), client_configuration=configuration)
    configuration.api_key = {"authorization": f"Bearer {token}"}
    configuration.refresh_api_key_hook = None
    configuration.cert_file = configuration.key_file = None
    return configuration


def test_reviews_and_discovery(k):
    c = k.client
    me = k.AuthenticationV1Api.create_self_subject_review(c.V1SelfSubjectReview()).status.user_info
    assert me.username == "wherry:admin" and "system:authenticated" in me.groups
    attributes = c.V1ResourceAttributes(verb="delete", resource="pods", namespace=NAMESPACE)
    review = c.V1SelfSubjectAccessReview(spec=c.V1SelfSubjectAccessReviewSpec(resource_attributes=attributes))
    assert k.AuthorizationV1Api.create_self_subject_access_review(review).status.allowed
    review = c.V1SubjectAccessReview(spec=c.V1SubjectAccessReviewSpec(user="nobody", resource_attributes=attributes))
    assert not k.AuthorizationV1Api.create_subject_access_review(review).status.allowed
    review = c.V1LocalSubjectAccessReview(spec=c.V1SubjectAccessReviewSpec(user="nobody", resource_attributes=attributes),
                                          metadata=c.V1ObjectMeta(namespace=NAMESPACE))
    assert not k.AuthorizationV1Api.create_namespaced_local_subject_access_review(NAMESPACE, review).status.allowed
    rules = k.AuthorizationV1Api.create_self_subject_rules_review(
        c.V1SelfSubjectRulesReview(spec=c.V1SelfSubjectRulesReviewSpec(namespace=NAMESPACE))).status
    assert any("*" in rule.verbs for rule in rules.resource_rules) and not rules.incomplete
    k.CoreV1Api.create_namespaced_service_account(NAMESPACE, {"metadata": {"name": "known"}})
    token = k.CoreV1Api.create_namespaced_service_account_token("known", NAMESPACE, c.AuthenticationV1TokenRequest(
        spec=c.V1TokenRequestSpec(audiences=[]))).status.token
    found = k.AuthenticationV1Api.create_token_review(c.V1TokenReview(spec=c.V1TokenReviewSpec(token=token))).status
    assert found.authenticated and found.user.username == "system:serviceaccount:default:known"
    assert not k.AuthenticationV1Api.create_token_review(
        c.V1TokenReview(spec=c.V1TokenReviewSpec(token="x"))).status.authenticated
    k.CoreV1Api.delete_namespaced_service_account("known", NAMESPACE)
    assert k.VersionApi.get_code().major == "1"
    assert k.CoreApi.get_api_versions().versions == ["v1"]
    groups = {group.name: group.preferred_version.group_version for group in k.ApisApi.get_api_versions().groups}
    assert groups["apps"] == "apps/v1" and groups["batch"] == "batch/v1"
    for name, api in (("apps", k.AppsApi), ("batch", k.BatchApi), ("policy", k.PolicyApi), ("storage.k8s.io", k.StorageApi)):
        assert api.get_api_group().name == name
    resources = {r.name: r for r in k.AppsV1Api.get_api_resources().resources}
    assert resources["deployments"].short_names == ["deploy"] and resources["deployments/scale"].kind == "Scale"
    assert "watch" in resources["deployments"].verbs and resources["deployments"].namespaced
    # Objects without a Python type of their own go through this API; it serves any.
    things = k.CustomObjectsApi
    made = things.create_namespaced_custom_object("coordination.k8s.io", "v1", NAMESPACE, "leases", {
        "apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": {"name": "custom"}, "spec": {}})
    assert made["metadata"]["uid"]
    assert things.patch_namespaced_custom_object("coordination.k8s.io", "v1", NAMESPACE, "leases", "custom", {
        "spec": {"holderIdentity": "x"}})["spec"] == {"holderIdentity": "x"}
    things.delete_namespaced_custom_object("coordination.k8s.io", "v1", NAMESPACE, "leases", "custom")


def test_create_from_yaml(k, tmp_path):
    path = tmp_path / "all.yaml"
    path.write_text("\n---\n".join(json.dumps(o) for o in (config_map("from-yaml", a="1"), deployment("from-yaml", 0, SLEEP))))
    made = k.utils.create_from_yaml(k.api, str(path))
    assert [type(objects[0]).__name__ for objects in made] == ["V1ConfigMap", "V1Deployment"]
    with pytest.raises(k.utils.FailToCreateError) as raised:
        k.utils.create_from_yaml(k.api, str(path))
    assert [json.loads(error.body)["reason"] for error in raised.value.api_exceptions] == ["AlreadyExists"] * 2
    k.CoreV1Api.delete_namespaced_config_map("from-yaml", NAMESPACE)
    k.AppsV1Api.delete_namespaced_deployment("from-yaml", NAMESPACE)


def test_the_dynamic_client(k, tmp_path):
    dynamic = k.dynamic.DynamicClient(k.api, cache_file=str(tmp_path / "cache.json"))
    assert dynamic.version["kubernetes"]["major"] == "1"
    maps = dynamic.resources.get(api_version="v1", kind="ConfigMap")
    assert maps.namespaced and maps.name == "configmaps"
    assert dynamic.resources.get(api_version="apps/v1", kind="Deployment").subresources["scale"].kind == "Scale"
    assert {r.group_version for r in dynamic.resources.search(kind="Ingress")} == {"networking.k8s.io/v1"}
    with pytest.raises(k.dynamic.exceptions.ResourceNotFoundError):
        dynamic.resources.get(api_version="v1", kind="Nothing")
    start = maps.get(namespace=NAMESPACE).metadata.resourceVersion
    assert maps.create(body=config_map("dynamic", a="1"), namespace=NAMESPACE).data.a == "1"
    assert maps.patch(body={"data": {"b": "2"}}, name="dynamic", namespace=NAMESPACE,
                      content_type="application/merge-patch+json").data.to_dict() == {"a": "1", "b": "2"}
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "dynamic"}, "data": {"a": "9"}}
    maps.server_side_apply(body=body, namespace=NAMESPACE, field_manager="c", force_conflicts=True)
    body["data"]["a"] = "10"
    with pytest.raises(k.dynamic.exceptions.ConflictError) as raised:
        maps.server_side_apply(body=body, namespace=NAMESPACE, field_manager="d")
    causes = json.loads(raised.value.body)["details"]["causes"]
    assert [(cause["reason"], cause["field"]) for cause in causes] == [("FieldManagerConflict", ".data.a")]
    applied = maps.server_side_apply(body=body, namespace=NAMESPACE, field_manager="d", force_conflicts=True)
    assert applied.data.to_dict() == {"a": "10", "b": "2"}
    new = {**body, "metadata": {"name": "dynamic-new", "labels": {"of": "dynamic"}}}
    assert maps.server_side_apply(body=new, namespace=NAMESPACE, field_manager="d").metadata.name == "dynamic-new"
    assert {i.metadata.name for i in maps.get(namespace=NAMESPACE, label_selector="of=dynamic").items} == {
        "dynamic", "dynamic-new"}
    whole = maps.get(name="dynamic", namespace=NAMESPACE).to_dict()
    whole["data"] = {"z": "26"}
    assert maps.replace(body=whole, namespace=NAMESPACE).data.to_dict() == {"z": "26"}
    maps.delete(name="dynamic", namespace=NAMESPACE)
    maps.delete(namespace=NAMESPACE, label_selector="of=dynamic")
    seen = [(event["type"], event["object"].metadata.name)
            for event in maps.watch(namespace=NAMESPACE, resource_version=start, timeout=1, label_selector="of=dynamic")]
    assert seen == [("ADDED", "dynamic"), *[("MODIFIED", "dynamic")] * 3, ("ADDED", "dynamic-new"), ("MODIFIED", "dynamic"),
                    ("DELETED", "dynamic"), ("DELETED", "dynamic-new")]
    with pytest.raises(k.dynamic.exceptions.NotFoundError):
        maps.get(name="dynamic", namespace=NAMESPACE)


LIGHTKUBE_SCRIPT = """
import json
from lightkube import Client
from lightkube.core.exceptions import ApiError
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.apps_v1 import Deployment
from lightkube.resources.core_v1 import ConfigMap, Node, Pod
from lightkube.types import PatchType

client = Client(namespace="default", field_manager="lightkube")
client.create(ConfigMap(metadata=ObjectMeta(name="lk", labels={"of": "lk"}), data={"a": "1"}))
version = client.get(ConfigMap, "lk").metadata.resourceVersion
for patch in (PatchType.STRATEGIC, PatchType.MERGE):
    client.patch(ConfigMap, "lk", {"data": {patch.name: "2"}}, patch_type=patch)
client.patch(ConfigMap, "lk", [{"op": "remove", "path": "/data/a"}], patch_type=PatchType.JSON)
client.apply(ConfigMap(metadata=ObjectMeta(name="lk2", labels={"of": "lk"}), data={"b": "1"}))
seen = []
for event, item in client.watch(ConfigMap, labels={"of": "lk"}, resource_version=version):
    seen.append((event, item.metadata.name))
    if item.metadata.name == "lk2":
        break
try:
    client.get(ConfigMap, "none")
except ApiError as error:
    refusal = (error.status.code, error.status.reason, error.status.message)
names = [item.metadata.name for item in client.list(ConfigMap, labels={"of": "lk"}, chunk_size=1)]
data = client.get(ConfigMap, "lk").data
scaled = client.patch(Deployment.Scale, "lk", {"spec": {"replicas": 0}}).spec.replicas
for name in names:
    client.delete(ConfigMap, name)
client.wait(Node, "dev1", for_conditions=["Ready"])
print(json.dumps({"seen": seen, "refusal": refusal, "names": names, "data": data, "scaled": scaled,
                  "left": [item.metadata.name for item in client.list(ConfigMap, labels={"of": "lk"})]}))
"""

KR8S_SCRIPT = """
import json, kr8s
from kr8s.objects import ConfigMap, Deployment, Pod

deployment = Deployment.get("lk")
deployment.scale(1)
deployment.wait("condition=Available", timeout=60)
(pod,) = deployment.pods()
ran = pod.exec(["echo", "hello"]).stdout.decode()
made = ConfigMap({"metadata": {"name": "kr"}, "data": {"a": "1"}})
made.create()
made.patch({"data": {"b": "2"}})
made.label({"x": "y"})
made.refresh()
try:
    ConfigMap.get("none")
except kr8s.NotFoundError as error:
    missing = True
data, labels = dict(made.data), dict(made.labels)
made.delete()
watched = []
for event, item in kr8s.watch("deployments", namespace="default"):
    watched.append((event, item.name))
    break
print(json.dumps({"ran": ran, "data": data, "labels": labels, "missing": missing, "watched": watched,
                  "ready": pod.ready(), "version": kr8s.version()["major"]}))
"""


def script(device, text, path):
    done = subprocess.run(
        ["/usr/bin/python3", "-c", text], capture_output=True, text=True, timeout=120, env=os.environ | {
            "PYTHONPATH": str(path), "KUBECONFIG": str(device.directory / "kubeconfig"),
            "HOME": str(device.directory)})
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_lightkube_and_kr8s(k, device):
    k.AppsV1Api.create_namespaced_deployment(NAMESPACE, deployment("lk", 0, SLEEP))
    answer = script(device, LIGHTKUBE_SCRIPT, python_path("lightkube", LIGHTKUBE))
    assert answer["seen"] == [["MODIFIED", "lk"]] * 3 + [["ADDED", "lk2"]]
    assert answer["refusal"] == [404, "NotFound", 'configmaps "none" not found']
    assert answer["names"] == ["lk", "lk2"] and answer["data"] == {"STRATEGIC": "2", "MERGE": "2"}
    assert answer["scaled"] in (0, None) and answer["left"] == []
    answer = script(device, KR8S_SCRIPT, python_path("kr8s", KR8S))
    assert answer == {"ran": "hello\n", "data": {"a": "1", "b": "2"}, "labels": {"x": "y"}, "missing": True,
                      "watched": [["ADDED", "lk"]], "ready": True, "version": "1"}
    k.AppsV1Api.delete_namespaced_deployment("lk", NAMESPACE)
