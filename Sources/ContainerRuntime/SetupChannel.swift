import JSON
import Linux

/// The line between a process that sets itself up and its launcher: single bytes, and errors as JSON.
struct SetupChannel {
    // From the launcher: begin; the cgroup is there; the hooks have run; the container is recorded, outlive me; the start gate
    // is open.
    static let goOn = UInt8(ascii: "g")
    static let grouped = UInt8(ascii: "c")
    static let hooksRan = UInt8(ascii: "h")
    static let recorded = UInt8(ascii: "d")
    static let start = UInt8(ascii: "s")
    // To the launcher: the namespaces and mounts are there, run the hooks; ready for the start; it failed, and JSON follows.
    static let wantsHooks = UInt8(ascii: "H")
    static let ready = UInt8(ascii: "R")
    static let failed = UInt8(ascii: "E")

    let gate: Int32
    let report: Int32

    func send(_ message: UInt8) throws(RuntimeError) {
        try stage("report to the launcher") { try Files.writeAll(report, [message]) }
    }

    func expect(_ expected: UInt8) throws(RuntimeError) {
        var byte: UInt8 = 0
        let count = try stage("wait for the launcher") {
            try systemCall("read") {
                while true {
                    let count = read(gate, &byte, 1)
                    if count >= 0 || Errno.last != .interrupted { return count }
                }
            }
        }
        // The launcher is gone, and so is the reason to live.
        guard count == 1, byte == expected else { wherry_exit_now(1) }
    }

    func fail(_ error: RuntimeError) -> Never {
        try? Files.writeAll(report, [Self.failed] + error.json.serialized())
        wherry_exit_now(error.exitCode)
    }
}
