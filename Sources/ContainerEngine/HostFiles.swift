import Linux

/// The files under `/etc` that depend on where a container runs, not on its image.
enum HostFiles {
    static func hosts(_ request: SandboxRequest, nodeFile: String?) -> String {
        var text: String
        if request.usesHostNetwork, let nodeFile {
            text = "# Kubernetes-managed hosts file (host network).\n" + nodeFile
            if !text.hasSuffix("\n") { text += "\n" }
        } else {
            text = """
                # Kubernetes-managed hosts file.
                127.0.0.1\tlocalhost
                ::1\tlocalhost ip6-localhost ip6-loopback
                fe00::0\tip6-localnet
                fe00::0\tip6-mcastprefix
                fe00::1\tip6-allnodes
                fe00::2\tip6-allrouters
                127.0.0.1\t\(request.hostname)

                """
        }
        if !request.hostAliases.isEmpty {
            text += "\n# Entries added by HostAliases.\n"
            for alias in request.hostAliases {
                text += alias.address + "\t" + alias.names.joined(separator: "\t") + "\n"
            }
        }
        return text
    }

    static func resolver(_ settings: ResolverSettings?, nodeFile: String?) -> String {
        guard let settings else { return nodeFile ?? "" }
        var text = settings.extendsHost ? (nodeFile ?? "") : ""
        if !text.isEmpty && !text.hasSuffix("\n") { text += "\n" }
        if !settings.searchDomains.isEmpty { text += "search \(settings.searchDomains.joined(separator: " "))\n" }
        for server in settings.nameServers { text += "nameserver \(server)\n" }
        if !settings.options.isEmpty { text += "options \(settings.options.joined(separator: " "))\n" }
        return text
    }

    /// Writes the files of a sandbox; they are made anew from live facts at every start of the agent.
    static func write(_ request: SandboxRequest, to directory: String) throws(SystemError) {
        try Files.makeDirectories(directory)
        let nodeHosts = request.usesHostNetwork ? readText("/etc/hosts") : nil
        let files = [
            ("hosts", hosts(request, nodeFile: nodeHosts)),
            ("hostname", request.hostname + "\n"),
            ("resolv.conf", resolver(request.resolver, nodeFile: readText("/etc/resolv.conf"))),
        ]
        for (name, text) in files {
            // Rewritten in place: a rename would leave running containers with the old file bound.
            try overwrite(directory + "/" + name, Array(text.utf8))
        }
    }

    private static func readText(_ path: String) -> String? {
        guard let bytes = try? Files.read(path, limit: 1 << 20) else { return nil }
        return String(decoding: bytes, as: UTF8.self)
    }

    private static func overwrite(_ path: String, _ bytes: [UInt8]) throws(SystemError) {
        if let old = try? Files.read(path, limit: 1 << 20), old == bytes { return }
        let file = try FileDescriptor.open(path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, mode: 0o644)
        try file.writeAll(bytes)
    }
}
