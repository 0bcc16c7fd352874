import Linux
import OCI

/// The overlay file system from layer directories.
enum OverlayMount {
    /// A detached overlay mount. The newer way takes one layer at a time (Linux 6.5 and later); the older packs all into one
    /// page of options, so the layers are named there by descriptor.
    static func make(_ overlay: RuntimeSpec.OverlayRoot) throws(SystemError) -> FileDescriptor {
        do {
            return try layerByLayer(overlay)
        } catch  where error.errno == .invalid || error.errno == .notImplemented {
            return try inOnePage(overlay)
        }
    }

    static func layerByLayer(_ overlay: RuntimeSpec.OverlayRoot) throws(SystemError) -> FileDescriptor {
        let context = FileDescriptor(adopting: try systemCall("fsopen", on: "overlay") { wherry_fsopen("overlay", 1) })
        try DetachedMount.configure(context.rawValue, "source", "overlay")
        for layer in overlay.lower.reversed() { try DetachedMount.configure(context.rawValue, "lowerdir+", layer) }
        if let upper = overlay.upper, let work = overlay.work {
            try DetachedMount.configure(context.rawValue, "upperdir", upper)
            try DetachedMount.configure(context.rawValue, "workdir", work)
        }
        if overlay.volatile == true { try DetachedMount.configure(context.rawValue, "volatile", nil) }
        return try DetachedMount.mount(context.rawValue, "overlay", attributes: 0)
    }

    /// Mounts over `/proc/self/fd/N` names: short, and free of the commas and colons that the option string gives a meaning.
    static func inOnePage(_ overlay: RuntimeSpec.OverlayRoot) throws(SystemError) -> FileDescriptor {
        var opened: [Int32] = []
        defer { for descriptor in opened { close(descriptor) } }
        func name(_ path: String) throws(SystemError) -> String {
            let descriptor = try FileDescriptor.open(path, O_PATH | O_DIRECTORY).release()
            opened.append(descriptor)
            return "/proc/self/fd/\(descriptor)"
        }
        var layers: [String] = []
        for layer in overlay.lower.reversed() { layers.append(try name(layer)) }
        var options = "lowerdir=" + layers.joined(separator: ":")
        if let upper = overlay.upper, let work = overlay.work {
            options += ",upperdir=\(try name(upper)),workdir=\(try name(work))"
        }
        if overlay.volatile == true { options += ",volatile" }
        // mount(2) wants a place: any directory does in this private namespace, since the mount is picked up again at once.
        try systemCall("mount", on: "overlay") { wherry_mount("overlay", "/proc", "overlay", 0, options) }
        let tree = try DetachedMount.clone("/proc", recursive: false)
        try systemCall("umount2", on: "/proc") { wherry_umount("/proc", Kernel.detach) }
        return tree
    }
}
