extension SchemaDescriptions {
    /// Of namespaces and nodes.
    static let nodes = """
        Namespace | A room for names: objects of one namespace do not see those of another.
        Namespace.metadata | Standard object's metadata.
        Namespace.spec | What the namespace should be.
        Namespace.status | What it is.
        NamespaceSpec | What a namespace should be.
        NamespaceSpec.finalizers | Who must clean up before the namespace goes.
        NamespaceStatus | State of a namespace.
        NamespaceStatus.phase | `Active` or `Terminating`.
        NamespaceStatus.conditions | What holds deletion back.
        NamespaceCondition | One observed fact about a namespace.
        NamespaceCondition.type | Name of the condition.
        NamespaceCondition.status | `True`, `False` or `Unknown`.
        NamespaceCondition.lastTransitionTime | When `status` last changed.
        NamespaceCondition.reason | One word for the last change.
        NamespaceCondition.message | A sentence about the last change.
        Node | A machine that runs pods; here the device itself, or at the hub a device of the fleet.
        Node.metadata | Standard object's metadata.
        Node.spec | What the node should be.
        Node.status | What was observed.
        NodeSpec | What a node should be.
        NodeSpec.podCIDR | Addresses of its pods.
        NodeSpec.podCIDRs | Addresses of its pods, one range per family.
        NodeSpec.providerID | Id at a provider of machines.
        NodeSpec.unschedulable | Whether new pods stay away (`kubectl cordon`).
        NodeSpec.taints | What keeps pods away that do not tolerate it.
        NodeSpec.configSource | Carried, not used.
        NodeSpec.externalID | Carried, not used.
        Taint | Keeps pods away from a node.
        Taint.key | Name of the taint.
        Taint.value | Its value.
        Taint.effect | `NoSchedule`, `PreferNoSchedule` or `NoExecute`.
        Taint.timeAdded | When a `NoExecute` taint was set.
        NodeStatus | What was observed of a node.
        NodeStatus.capacity | What the machine has.
        NodeStatus.allocatable | What pods may use.
        NodeStatus.phase | Carried, not used.
        NodeStatus.conditions | Ready, MemoryPressure, DiskPressure, PIDPressure.
        NodeStatus.addresses | How to reach it.
        NodeStatus.daemonEndpoints | Ports of the agent.
        NodeStatus.nodeInfo | Versions and ids of the machine.
        NodeStatus.images | Images in its store.
        NodeStatus.volumesInUse | Carried, not used.
        NodeStatus.volumesAttached | Carried, not used.
        NodeStatus.config | Carried, not used.
        NodeStatus.runtimeHandlers | Carried, not used.
        NodeStatus.features | Carried, not used.
        NodeStatus.declaredFeatures | Carried, not used.
        NodeCondition | One observed fact about a node.
        NodeCondition.type | Name of the condition.
        NodeCondition.status | `True`, `False` or `Unknown`.
        NodeCondition.lastHeartbeatTime | When it was last observed.
        NodeCondition.lastTransitionTime | When `status` last changed.
        NodeCondition.reason | One word for the last change.
        NodeCondition.message | A sentence about the last change.
        NodeAddress | One way to reach a node.
        NodeAddress.type | `InternalIP`, `ExternalIP` or `Hostname`.
        NodeAddress.address | The address.
        NodeSystemInfo | Versions and ids of a machine.
        NodeSystemInfo.machineID | Content of /etc/machine-id.
        NodeSystemInfo.systemUUID | UUID of the board.
        NodeSystemInfo.bootID | Changes with each boot.
        NodeSystemInfo.kernelVersion | As `uname -r` prints it.
        NodeSystemInfo.osImage | PRETTY_NAME of /etc/os-release.
        NodeSystemInfo.containerRuntimeVersion | As `wherry://1.0`.
        NodeSystemInfo.kubeletVersion | Version of the agent.
        NodeSystemInfo.kubeProxyVersion | Empty here.
        NodeSystemInfo.operatingSystem | `linux`.
        NodeSystemInfo.architecture | As Go names it: `amd64`, `arm64`.
        NodeSystemInfo.swap | Carried, not used.
        ContainerImage | An image in the store of a node.
        ContainerImage.names | References and digests.
        ContainerImage.sizeBytes | Size in bytes.
        """
}
