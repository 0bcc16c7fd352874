extension SchemaDescriptions {
    /// Of Services, Ingresses and network policies.
    static let networking = """
        Service | One name and address for a changing set of pods.
        Service.spec | Which pods, by which ports and addresses.
        Service.status | What it got of a load balancer.
        ServiceSpec | How pods are reached under one name.
        ServiceSpec.ports | The ports, and where they lead.
        ServiceSpec.selector | Labels of the pods; without it somebody else writes the endpoints.
        ServiceSpec.clusterIP | Its address; `None` for a name that leads to the pods themselves.
        ServiceSpec.clusterIPs | Its addresses, one for each family.
        ServiceSpec.type | `ClusterIP`, `NodePort`, `LoadBalancer` or `ExternalName`.
        ServiceSpec.externalIPs | Further addresses at which nodes take traffic for it.
        ServiceSpec.sessionAffinity | `ClientIP` to bring a client to the same pod again; `None` when absent.
        ServiceSpec.loadBalancerIP | Wanted address of the load balancer; out of use.
        ServiceSpec.loadBalancerSourceRanges | Addresses of clients that the load balancer lets in.
        ServiceSpec.externalName | The name that an `ExternalName` service stands for.
        ServiceSpec.externalTrafficPolicy | `Cluster`, or `Local` to keep traffic from outside on the node it came to.
        ServiceSpec.healthCheckNodePort | Where a load balancer asks whether the node has pods, with `Local`.
        ServiceSpec.publishNotReadyAddresses | Whether pods that are not ready count, too.
        ServiceSpec.sessionAffinityConfig | How long a client is remembered.
        ServiceSpec.ipFamilies | `IPv4`, `IPv6`, or both in order.
        ServiceSpec.ipFamilyPolicy | `SingleStack`, `PreferDualStack` or `RequireDualStack`.
        ServiceSpec.allocateLoadBalancerNodePorts | Whether a load balancer needs ports of the nodes; true when absent.
        ServiceSpec.loadBalancerClass | Which load balancer is meant.
        ServiceSpec.internalTrafficPolicy | `Cluster`, or `Local` to keep traffic from inside on its node.
        ServiceSpec.trafficDistribution | Which endpoints are preferred, as `PreferClose`.
        ServicePort | A port of a Service.
        ServicePort.name | Its name; needed when there are several.
        ServicePort.protocol | `TCP`, `UDP` or `SCTP`; `TCP` when absent.
        ServicePort.appProtocol | What is spoken there.
        ServicePort.port | The port.
        ServicePort.targetPort | The pod's port, by number or name; `port` when absent.
        ServicePort.nodePort | The port on each node, for `NodePort` and `LoadBalancer`.
        ServiceStatus | What was observed of a Service.
        ServiceStatus.loadBalancer | What the load balancer gave it.
        ServiceStatus.conditions | Observed facts.
        LoadBalancerStatus | What a load balancer gave.
        LoadBalancerStatus.ingress | Where traffic comes in.
        LoadBalancerIngress | One way in.
        LoadBalancerIngress.ip | Its address.
        LoadBalancerIngress.hostname | Its name.
        LoadBalancerIngress.ipMode | `VIP` or `Proxy`.
        LoadBalancerIngress.ports | Its ports.
        PortStatus | A port of a load balancer.
        PortStatus.port | The port.
        PortStatus.protocol | `TCP`, `UDP` or `SCTP`.
        PortStatus.error | Why it does not work.
        SessionAffinityConfig | How clients are remembered.
        SessionAffinityConfig.clientIP | By their address.
        ClientIPConfig | How clients are remembered by address.
        ClientIPConfig.timeoutSeconds | For how long; 10800 when absent.
        Endpoints | Addresses behind a Service; EndpointSlices took its place.
        Endpoints.subsets | Addresses that have the same ports.
        EndpointSubset | Addresses that have the same ports.
        EndpointSubset.addresses | Addresses that take traffic.
        EndpointSubset.notReadyAddresses | Addresses that do not yet.
        EndpointSubset.ports | The ports.
        EndpointAddress | One address.
        EndpointAddress.ip | The address.
        EndpointAddress.hostname | Its name.
        EndpointAddress.nodeName | Its node.
        EndpointAddress.targetRef | What is there.
        EndpointPort | A port behind a Service.
        EndpointPort.name | The Service's name of it.
        EndpointPort.protocol | `TCP`, `UDP` or `SCTP`.
        EndpointPort.port | The port.
        EndpointPort.appProtocol | What is spoken there.
        EndpointSlice | Some of the addresses behind a Service.
        EndpointSlice.addressType | `IPv4`, `IPv6` or `FQDN`.
        EndpointSlice.endpoints | The addresses.
        EndpointSlice.ports | The ports that each of them has.
        Endpoint | One thing behind a Service.
        Endpoint.addresses | Its addresses.
        Endpoint.conditions | Whether it takes traffic.
        Endpoint.hostname | Its name.
        Endpoint.targetRef | What is there.
        Endpoint.deprecatedTopology | Older form of `nodeName` and `zone`.
        Endpoint.nodeName | Its node.
        Endpoint.zone | Its zone.
        Endpoint.hints | Who should prefer it.
        EndpointConditions | Whether an endpoint takes traffic.
        EndpointConditions.ready | It is ready and stays.
        EndpointConditions.serving | It is ready, even when it is being ended.
        EndpointConditions.terminating | It is being ended.
        EndpointHints | Who should prefer an endpoint.
        EndpointHints.forZones | Zones.
        EndpointHints.forNodes | Nodes.
        ForNode | A node.
        ForNode.name | Its name.
        ForZone | A zone.
        ForZone.name | Its name.
        Ingress | Leads HTTP from outside to Services, by host and path.
        Ingress.spec | Which hosts and paths lead where.
        Ingress.status | Where traffic comes in.
        IngressSpec | Where an Ingress leads.
        IngressSpec.ingressClassName | Who serves it.
        IngressSpec.defaultBackend | Where goes what no rule is about.
        IngressSpec.tls | Certificates.
        IngressSpec.rules | Hosts and paths.
        IngressRule | The paths of a host.
        IngressRule.host | The host, with `*.` for all names below; every host when absent.
        IngressRule.http | The paths.
        HTTPIngressRuleValue | Paths of a host.
        HTTPIngressRuleValue.paths | The longest that fits decides.
        HTTPIngressPath | Where a path leads.
        HTTPIngressPath.path | The path, or its beginning.
        HTTPIngressPath.pathType | `Exact`, `Prefix` or `ImplementationSpecific`.
        HTTPIngressPath.backend | Where it leads.
        IngressBackend | Where traffic goes.
        IngressBackend.service | A Service.
        IngressBackend.resource | Another object, in place of a Service.
        IngressServiceBackend | A port of a Service.
        IngressServiceBackend.name | Name of the Service.
        IngressServiceBackend.port | Its port.
        ServiceBackendPort | A port, by name or number.
        ServiceBackendPort.name | Its name.
        ServiceBackendPort.number | Its number.
        IngressTLS | A certificate of an Ingress.
        IngressTLS.hosts | Hosts that it is for.
        IngressTLS.secretName | Secret of the type `kubernetes.io/tls`.
        IngressStatus | Where traffic comes in.
        IngressStatus.loadBalancer | What the load balancer gave it.
        IngressLoadBalancerStatus | What a load balancer gave an Ingress.
        IngressLoadBalancerStatus.ingress | Where traffic comes in.
        IngressLoadBalancerIngress | One way in.
        IngressLoadBalancerIngress.ip | Its address.
        IngressLoadBalancerIngress.hostname | Its name.
        IngressLoadBalancerIngress.ports | Its ports.
        IngressPortStatus | A port of a way in.
        IngressPortStatus.port | The port.
        IngressPortStatus.protocol | `TCP`, `UDP` or `SCTP`.
        IngressPortStatus.error | Why it does not work.
        IngressClass | Names who serves Ingresses.
        IngressClass.spec | Who does.
        IngressClassSpec | Who serves Ingresses of a class.
        IngressClassSpec.controller | Name of the controller, as a path.
        IngressClassSpec.parameters | An object with further settings.
        IngressClassParametersReference | Names an object with settings.
        IngressClassParametersReference.apiGroup | Its group.
        IngressClassParametersReference.kind | Its kind.
        IngressClassParametersReference.name | Its name.
        IngressClassParametersReference.scope | `Cluster` or `Namespace`.
        IngressClassParametersReference.namespace | Its namespace.
        NetworkPolicy | Says which traffic pods take and send.
        NetworkPolicy.spec | Which pods, and which traffic.
        NetworkPolicySpec | What traffic is allowed.
        NetworkPolicySpec.podSelector | The pods that it is about; empty for all of the namespace.
        NetworkPolicySpec.ingress | Traffic that they may get; any of the rules allows it.
        NetworkPolicySpec.egress | Traffic that they may send.
        NetworkPolicySpec.policyTypes | `Ingress`, `Egress` or both: what is refused unless a rule allows it.
        NetworkPolicyIngressRule | Traffic that pods may get.
        NetworkPolicyIngressRule.ports | To these ports; all when absent.
        NetworkPolicyIngressRule.from | From these; from everywhere when absent.
        NetworkPolicyEgressRule | Traffic that pods may send.
        NetworkPolicyEgressRule.ports | To these ports; all when absent.
        NetworkPolicyEgressRule.to | To these; to everywhere when absent.
        NetworkPolicyPeer | The other side of traffic.
        NetworkPolicyPeer.podSelector | Pods, of this namespace or of those that `namespaceSelector` chooses.
        NetworkPolicyPeer.namespaceSelector | Namespaces.
        NetworkPolicyPeer.ipBlock | Addresses.
        NetworkPolicyPort | A port, or several.
        NetworkPolicyPort.protocol | `TCP`, `UDP` or `SCTP`.
        NetworkPolicyPort.port | The port, by number or name; all when absent.
        NetworkPolicyPort.endPort | The last port of a range that begins at `port`.
        IPBlock | A range of addresses.
        IPBlock.cidr | The range, as `192.168.1.0/24`.
        IPBlock.except | Ranges in it that are not meant.
        """
}
