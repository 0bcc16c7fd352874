public import JSON
import OCI

/// What this runtime does, in the form of the OCI runtime specification's `features` document.
public enum RuntimeFeatures {
    public static var json: JSONValue {
        [
            "ociVersionMin": "1.0.0", "ociVersionMax": "1.2.1",
            "hooks": strings([
                "prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop",
            ]),
            "mountOptions": strings(MountOptions.known), "linux": linux,
            "annotations": ["dev.wherry.runtime": "wherry-oci"],
            "potentiallyUnsafeConfigAnnotations": .array([]),
        ]
    }

    private static var linux: JSONValue {
        [
            "namespaces": strings(RuntimeSpec.Namespace.Kind.allCases.map(\.rawValue).sorted()),
            "capabilities": strings(CapabilitySet.names.map { "CAP_\($0)" }),
            "cgroup": ["v1": true, "v2": true, "systemd": true, "systemdUser": false, "rdma": true],
            "seccomp": [
                "enabled": true, "actions": strings(SeccompNames.actions.keys.sorted()),
                "operators": strings(SeccompNames.operators.keys.sorted()),
                "archs": strings(SeccompFeatures.architectures),
                "knownFlags": strings(SeccompNames.flags.keys.sorted()),
                "supportedFlags": strings(SeccompFeatures.supportedFlags),
            ],
            "apparmor": ["enabled": false], "selinux": ["enabled": false],
            "intelRdt": ["enabled": false], "memoryPolicy": memoryPolicy,
            "mountExtensions": ["idmap": ["enabled": true]], "netDevices": ["enabled": true],
        ]
    }

    private static var memoryPolicy: JSONValue {
        [
            "modes": strings(ProcessAttributes.memoryModes.keys.sorted()),
            "flags": strings(ProcessAttributes.memoryFlags.keys.sorted()),
        ]
    }

    private static func strings(_ values: [String]) -> JSONValue { .array(values.map { .string($0) }) }
}
