"""A typical object of each kind, with the methods of PyPI's `kubernetes` client that are called for it."""

LABELS = {"app": "py"}
TEMPLATE = {"metadata": {"labels": LABELS},
            "spec": {"containers": [{"name": "c", "image": "nothing/here", "resources": {"limits": {"memory": "16Mi"}},
                                     "ports": [{"containerPort": 80, "name": "http"}]}]}}
ONCE = {"metadata": {"labels": LABELS}, "spec": {"restartPolicy": "Never", "containers": TEMPLATE["spec"]["containers"]}}
SELECTOR = {"matchLabels": LABELS}
RULES = [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list"]}]
RBAC = "rbac.authorization.k8s.io"


def of(version, kind, **fields):
    return {"apiVersion": version, "kind": kind, "metadata": {"name": "py", "labels": LABELS, "annotations": {"a": "é"}},
            **fields}


# (API of the client, its name of the kind, whether in a namespace, the object)
OBJECTS = [
    ("CoreV1Api", "config_map", True, of("v1", "ConfigMap", data={"a": "1"}, binaryData={"b": "AAE="})),
    ("CoreV1Api", "secret", True, of("v1", "Secret", type="Opaque", data={"p": "dw=="})),
    ("CoreV1Api", "service", True, of("v1", "Service", spec={
        "selector": LABELS, "ports": [{"name": "http", "port": 80, "targetPort": "http", "protocol": "TCP"}]})),
    ("CoreV1Api", "service_account", True, of("v1", "ServiceAccount", automountServiceAccountToken=False)),
    ("CoreV1Api", "endpoints", True, of("v1", "Endpoints", subsets=[
        {"addresses": [{"ip": "10.1.2.3"}], "ports": [{"port": 80, "name": "http"}]}])),
    ("CoreV1Api", "event", True, of(
        "v1", "Event", involvedObject={"kind": "Pod", "name": "p", "namespace": "default"}, reason="Tried", message="it did",
        type="Normal", count=1, firstTimestamp="2024-01-02T03:04:05Z", lastTimestamp="2024-01-02T03:04:05Z")),
    ("CoreV1Api", "limit_range", True, of("v1", "LimitRange", spec={
        "limits": [{"type": "PersistentVolumeClaim", "max": {"storage": "1Gi"}}]})),
    ("CoreV1Api", "persistent_volume_claim", True, of("v1", "PersistentVolumeClaim", spec={
        "accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Mi"}}, "storageClassName": "none"})),
    ("CoreV1Api", "persistent_volume", False, of("v1", "PersistentVolume", spec={
        "capacity": {"storage": "1Gi"}, "accessModes": ["ReadWriteOnce"], "hostPath": {"path": "/srv"}})),
    ("CoreV1Api", "pod", True, of("v1", "Pod", spec={**TEMPLATE["spec"], "terminationGracePeriodSeconds": 0})),
    ("CoreV1Api", "pod_template", True, of("v1", "PodTemplate", template=TEMPLATE)),
    ("CoreV1Api", "replication_controller", True, of("v1", "ReplicationController", spec={
        "replicas": 0, "selector": LABELS, "template": TEMPLATE})),
    ("CoreV1Api", "resource_quota", True, of("v1", "ResourceQuota", spec={"hard": {"count/secrets": "1k"}})),
    ("CoreV1Api", "namespace", False, of("v1", "Namespace")),
    ("CoreV1Api", "node", False, of("v1", "Node", spec={"podCIDR": "10.9.0.0/24"})),
    ("AppsV1Api", "deployment", True, of("apps/v1", "Deployment", spec={
        "replicas": 0, "selector": SELECTOR, "template": TEMPLATE,
        "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "50%", "maxUnavailable": 0}}})),
    ("AppsV1Api", "replica_set", True, of("apps/v1", "ReplicaSet", spec={
        "replicas": 0, "selector": SELECTOR, "template": TEMPLATE})),
    ("AppsV1Api", "daemon_set", True, of("apps/v1", "DaemonSet", spec={
        "selector": SELECTOR, "template": {**TEMPLATE, "spec": {**TEMPLATE["spec"], "nodeSelector": {"no": "node"}}}})),
    ("AppsV1Api", "stateful_set", True, of("apps/v1", "StatefulSet", spec={
        "replicas": 0, "serviceName": "py", "selector": SELECTOR, "template": TEMPLATE})),
    ("AppsV1Api", "controller_revision", True, of("apps/v1", "ControllerRevision", revision=1, data={"a": {"b": [1]}})),
    ("BatchV1Api", "job", True, of("batch/v1", "Job", spec={"suspend": True, "backoffLimit": 2, "template": ONCE})),
    ("BatchV1Api", "cron_job", True, of("batch/v1", "CronJob", spec={
        "schedule": "@yearly", "suspend": True, "jobTemplate": {"spec": {"template": ONCE}}})),
    ("NetworkingV1Api", "ingress", True, of("networking.k8s.io/v1", "Ingress", spec={"rules": [{
        "host": "a.example", "http": {"paths": [{
            "path": "/", "pathType": "Prefix", "backend": {"service": {"name": "py", "port": {"number": 80}}}}]}}]})),
    ("NetworkingV1Api", "ingress_class", False, of("networking.k8s.io/v1", "IngressClass", spec={
        "controller": "example.com/c"})),
    ("NetworkingV1Api", "network_policy", True, of("networking.k8s.io/v1", "NetworkPolicy", spec={
        "podSelector": SELECTOR, "policyTypes": ["Ingress"],
        "ingress": [{"from": [{"ipBlock": {"cidr": "10.0.0.0/8", "except": ["10.1.0.0/16"]}}],
                     "ports": [{"port": 80, "protocol": "TCP"}]}]})),
    ("RbacAuthorizationV1Api", "role", True, of(f"{RBAC}/v1", "Role", rules=RULES)),
    ("RbacAuthorizationV1Api", "role_binding", True, of(
        f"{RBAC}/v1", "RoleBinding", roleRef={"apiGroup": RBAC, "kind": "Role", "name": "py"},
        subjects=[{"kind": "User", "name": "bob", "apiGroup": RBAC}])),
    ("RbacAuthorizationV1Api", "cluster_role", False, of(f"{RBAC}/v1", "ClusterRole", rules=RULES)),
    ("RbacAuthorizationV1Api", "cluster_role_binding", False, of(
        f"{RBAC}/v1", "ClusterRoleBinding", roleRef={"apiGroup": RBAC, "kind": "ClusterRole", "name": "py"},
        subjects=[{"kind": "ServiceAccount", "name": "s", "namespace": "default"}])),
    ("PolicyV1Api", "pod_disruption_budget", True, of("policy/v1", "PodDisruptionBudget", spec={
        "minAvailable": "50%", "selector": SELECTOR})),
    ("DiscoveryV1Api", "endpoint_slice", True, of(
        "discovery.k8s.io/v1", "EndpointSlice", addressType="IPv4", ports=[{"name": "http", "port": 80, "protocol": "TCP"}],
        endpoints=[{"addresses": ["10.1.2.3"], "conditions": {"ready": True}}])),
    ("CoordinationV1Api", "lease", True, of("coordination.k8s.io/v1", "Lease", spec={
        "holderIdentity": "me", "leaseDurationSeconds": 15, "renewTime": "2024-01-02T03:04:05.678901Z"})),
    ("StorageV1Api", "storage_class", False, of(
        "storage.k8s.io/v1", "StorageClass", provisioner="example.com/p", reclaimPolicy="Retain",
        volumeBindingMode="WaitForFirstConsumer", parameters={"a": "b"})),
    ("SchedulingV1Api", "priority_class", False, of(
        "scheduling.k8s.io/v1", "PriorityClass", value=100, description="some", preemptionPolicy="Never")),
    ("AutoscalingV2Api", "horizontal_pod_autoscaler", True, of("autoscaling/v2", "HorizontalPodAutoscaler", spec={
        "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "py"}, "minReplicas": 1, "maxReplicas": 3,
        "metrics": [{"type": "Resource", "resource": {
            "name": "cpu", "target": {"type": "Utilization", "averageUtilization": 50}}}]})),
]
