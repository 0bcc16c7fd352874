import JSON
import Linux
import OCI
import Testing

@testable import ContainerRuntime

/// Filters as programs (run by a small interpreter, so that every architecture can be asked), in this kernel, and
/// around containers.
///
/// Measured on the build machine (2 cores, release build, libseccomp 2.5.4; medians), `SeccompFilter.load`:
///
/// | profile | cold | warm | instructions |
/// | --- | --- | --- | --- |
/// | built-in | 20.4 ms | 0.017 ms | 958 |
/// | Docker's default, 2026-06 | 20.9 ms | 0.085 ms | 1268 |
@Suite struct SeccompTests {
    /// What a filter was asked and what it said.
    struct Call {
        var architecture: UInt32 = SeccompNames.native
        var number: UInt32
        var arguments: [UInt64] = []

        /// The result of a classic BPF program.
        func result(_ program: [UInt8]) -> UInt32? {
            func word(_ offset: Int, of bytes: [UInt8]) -> UInt32 {
                (0..<4).reduce(0) { $0 | UInt32(bytes[offset + $1]) << (8 * $1) }
            }
            var data: [UInt8] = []
            for value in [number, architecture, 0, 0] { data += (0..<4).map { UInt8(value >> (8 * $0) & 0xff) } }
            for index in 0..<6 {
                let value = index < arguments.count ? arguments[index] : 0
                data += (0..<8).map { UInt8(value >> (8 * $0) & 0xff) }
            }
            var (position, accumulator) = (0, UInt32(0))
            while position * 8 < program.count {
                let at = position * 8
                let operand = word(at + 4, of: program)
                position += 1
                func jump(_ condition: Bool) { position += Int(program[at + (condition ? 2 : 3)]) }
                switch program[at] {
                case 0x20: accumulator = word(Int(operand), of: data)
                case 0x54: accumulator &= operand
                case 0x15: jump(accumulator == operand)
                case 0x25: jump(accumulator > operand)
                case 0x35: jump(accumulator >= operand)
                case 0x45: jump(accumulator & operand != 0)
                case 0x05: position += Int(operand)
                case 0x06: return operand
                default: return nil
                }
            }
            return nil
        }
    }

    static let errno: UInt32 = 0x5_0000
    static let allow: UInt32 = 0x7fff_0000

    static func profile(
        _ rules: RuntimeSpec.Seccomp.Rule..., defaultAction: String = "SCMP_ACT_ALLOW", architectures: [String]? = nil
    ) -> RuntimeSpec.Seccomp {
        .init(defaultAction: defaultAction, architectures: architectures, syscalls: rules)
    }

    static func rule(
        _ names: String..., action: String = "SCMP_ACT_ERRNO", errnoRet: UInt32? = nil,
        args: [RuntimeSpec.Seccomp.Argument]? = nil
    ) -> RuntimeSpec.Seccomp.Rule {
        .init(names: names, action: action, errnoRet: errnoRet, args: args)
    }

    static func builtIn(_ capabilities: Set<String> = []) throws -> [UInt8] {
        try SeccompCompiler.compile(
            SeccompDefault.profile(capabilities: capabilities, isX86: SeccompNames.isX86), isOurs: true)
    }

    static func error(_ profile: RuntimeSpec.Seccomp) -> RuntimeError? {
        do throws(RuntimeError) {
            _ = try SeccompCompiler.compile(profile, isOurs: false)
            return nil
        } catch {
            return error
        }
    }

    // Numbers of the native architecture.
    #if arch(x86_64)
        static let mkdirat: UInt32 = 258
        static let ioctl: UInt32 = 16
        static let socket: UInt32 = 41
        static let clone: UInt32 = 56
        static let mount: UInt32 = 165
    #else
        static let mkdirat: UInt32 = 34
        static let ioctl: UInt32 = 29
        static let socket: UInt32 = 198
        static let clone: UInt32 = 220
        static let mount: UInt32 = 40
    #endif
}

extension SeccompTests {
    @Suite struct Programs {
        @Test(
            arguments: [
                ("SCMP_ACT_KILL", nil, 0), ("SCMP_ACT_KILL_THREAD", nil, 0),
                ("SCMP_ACT_KILL_PROCESS", nil, 0x8000_0000), ("SCMP_ACT_TRAP", nil, 0x3_0000),
                ("SCMP_ACT_ERRNO", nil, 0x5_0001), ("SCMP_ACT_ERRNO", 38, 0x5_0026),
                ("SCMP_ACT_TRACE", nil, 0x7ff0_0001), ("SCMP_ACT_TRACE", 7, 0x7ff0_0007),
                ("SCMP_ACT_LOG", nil, 0x7ffc_0000), ("SCMP_ACT_NOTIFY", nil, 0x7fc0_0000),
            ] as [(String, UInt32?, UInt32)])
        func `every action is what the kernel calls it`(name: String, errnoRet: UInt32?, expected: UInt32) throws {
            var profile = profile(rule("mkdirat", action: name, errnoRet: errnoRet))
            profile.listenerPath = "/agent"
            let program = try SeccompCompiler.compile(profile, isOurs: false)
            #expect(Call(number: mkdirat).result(program) == expected)
            #expect(Call(number: ioctl).result(program) == allow)
        }

        @Test func `an action without a number refuses errnoRet, by rule and by default`() {
            for name in SeccompFeatures.actions where name != "SCMP_ACT_ERRNO" && name != "SCMP_ACT_TRACE" {
                let error = error(profile(rule("mkdirat"), rule("chmod", action: name, errnoRet: 1)))
                #expect(error?.code == .invalidSpec)
                #expect(error?.message.hasPrefix("linux.seccomp.syscalls[1].errnoRet is only for") == true)
            }
            var broken = profile()
            broken.defaultErrnoRet = 1
            #expect(SeccompTests.error(broken)?.message.hasPrefix("linux.seccomp.defaultErrnoRet is only for") == true)
            #expect(error(profile(rule("chmod", errnoRet: 4096)))?.code == .invalidSpec)
        }

        @Test func `an unknown name is an error that names its place`() {
            let argument = { (index: UInt32, op: String) in
                profile(rule("read"), rule("chmod", args: [.init(index: index, value: 0, op: op)]))
            }
            for (profile, place) in [
                (profile(defaultAction: "ALLOW"), "linux.seccomp.defaultAction \"ALLOW\""),
                (profile(rule("read", action: "SCMP_ACT_DENY")), "linux.seccomp.syscalls[0].action \"SCMP_ACT_DENY\""),
                (profile(architectures: ["SCMP_ARCH_X86", "VAX"]), "linux.seccomp.architectures[1] \"VAX\""),
                (argument(0, "=="), "linux.seccomp.syscalls[1].args[0].op \"==\""),
                (argument(6, "SCMP_CMP_EQ"), "linux.seccomp.syscalls[1].args[0].index 6"),
                (profile(rule()), "linux.seccomp.syscalls[0].names"),
            ] {
                let error = error(profile)
                #expect(error?.code == .invalidSpec)
                #expect(error?.message.hasPrefix(place) == true, "\(error?.message ?? "no error")")
            }
        }

        @Test func `an unknown call is skipped`() throws {
            let program = try SeccompCompiler.compile(
                profile(rule("no_such_call_yet", "mkdirat")), isOurs: false)
            #expect(Call(number: mkdirat).result(program) == 0x5_0001)
        }

        @Test func `of two rules for a call the first counts; two for the same arguments are an error`() throws {
            let program = try SeccompCompiler.compile(
                profile(
                    rule("mkdirat", "fchmodat2", errnoRet: 5), rule("mkdirat", "fchmodat2", action: "SCMP_ACT_LOG")),
                isOurs: false)
            #expect(Call(number: mkdirat).result(program) == 0x5_0005)
            #expect(Call(number: 452).result(program) == 0x5_0005)
            let args = [RuntimeSpec.Seccomp.Argument(index: 0, value: 1, op: "SCMP_CMP_EQ")]
            let error = error(profile(rule("chmod", args: args), rule("chmod", action: "SCMP_ACT_LOG", args: args)))
            #expect(error?.message.hasPrefix("linux.seccomp.syscalls[1]: seccomp_rule_add chmod: another rule") == true)
        }

        @Test(arguments: SeccompNames.architectures.keys.sorted())
        func `every architecture of the specification is known`(name: String) {
            // Another byte order cannot be in one filter with this machine's, and an old libseccomp lacks the youngest.
            guard let error = error(profile(rule("mkdirat"), architectures: [name])) else { return }
            #expect(!SeccompFeatures.architectures.contains(name) || error.errno == EDOM, "\(error)")
        }

        @Test(
            arguments: [
                ("SCMP_CMP_EQ", 7, 0, [7], [6, 8, 0x1_0000_0007]),
                ("SCMP_CMP_NE", 7, 0, [6, 8, 0x1_0000_0007], [7]),
                ("SCMP_CMP_LT", 0x1_0000_0007, 0, [6, 8, 0x1_0000_0006], [0x1_0000_0007, 0x2_0000_0000]),
                ("SCMP_CMP_LE", 7, 0, [6, 7], [8, 0x1_0000_0000]),
                ("SCMP_CMP_GE", 7, 0, [7, 8, 0x1_0000_0000], [6]),
                ("SCMP_CMP_GT", 0x1_0000_0007, 0, [0x1_0000_0008, 0x2_0000_0000], [7, 0x1_0000_0007]),
                ("SCMP_CMP_MASKED_EQ", 0x1_0000_00f0, 0x10, [0x1f, 0x10], [0x20, 0x1_0000_0010]),
            ] as [(String, UInt64, UInt64, [UInt64], [UInt64])])
        func `operators compare 64 bits`(
            op: String, value: UInt64, two: UInt64, matching: [UInt64], others: [UInt64]
        ) throws {
            let program = try SeccompCompiler.compile(
                profile(rule("mkdirat", args: [.init(index: 2, value: value, valueTwo: two, op: op)])), isOurs: false)
            for value in matching {
                #expect(Call(number: mkdirat, arguments: [0, 0, value]).result(program) == 0x5_0001)
            }
            for value in others { #expect(Call(number: mkdirat, arguments: [0, 0, value]).result(program) == allow) }
        }

        @Test func `conditions hold together, and one by one when an argument is named twice`() throws {
            let args = { (first: UInt32, second: UInt32, third: UInt32) in
                [first, second, third].enumerated().map { (number, index) in
                    RuntimeSpec.Seccomp.Argument(index: index, value: UInt64(number + 1), op: "SCMP_CMP_EQ")
                }
            }
            let together = try SeccompCompiler.compile(profile(rule("mkdirat", args: args(0, 1, 2))), isOurs: false)
            #expect(Call(number: mkdirat, arguments: [1, 2, 3]).result(together) == 0x5_0001)
            #expect(Call(number: mkdirat, arguments: [1, 2, 0]).result(together) == allow)
            let single = try SeccompCompiler.compile(profile(rule("mkdirat", args: args(0, 0, 2))), isOurs: false)
            for arguments: [UInt64] in [[1, 0, 0], [2, 0, 0], [0, 0, 3]] {
                #expect(Call(number: mkdirat, arguments: arguments).result(single) == 0x5_0001)
            }
            #expect(Call(number: mkdirat, arguments: [3, 3, 0]).result(single) == allow)
        }

        @Test func `calls younger than libseccomp obey by their numbers`() throws {
            let program = try SeccompCompiler.compile(
                profile(
                    rule("fchmodat2", errnoRet: 5), rule("mseal", action: "SCMP_ACT_LOG"),
                    architectures: [SeccompNames.compatibleName]), isOurs: false)
            for architecture in [SeccompNames.native, SeccompNames.compatible] {
                #expect(Call(architecture: architecture, number: 452).result(program) == 0x5_0005)
                #expect(Call(architecture: architecture, number: 462).result(program) == 0x7ffc_0000)
                #expect(Call(architecture: architecture, number: 463).result(program) == allow)
            }
        }

        @Test func `the listener's way is kept open`() {
            var asking = profile(rule("mkdirat", action: "SCMP_ACT_NOTIFY"))
            #expect(error(asking)?.message.hasPrefix("linux.seccomp.listenerPath is missing") == true)
            asking.listenerPath = "/agent"
            #expect(error(asking) == nil)
            asking.syscalls?.append(rule("sendmsg", action: "SCMP_ACT_NOTIFY"))
            #expect(error(asking)?.message.hasPrefix("linux.seccomp.syscalls[1] must allow sendmsg") == true)
            asking = profile(rule("mkdirat", action: "SCMP_ACT_NOTIFY"), defaultAction: "SCMP_ACT_ERRNO")
            asking.listenerPath = "/agent"
            #expect(error(asking)?.message.hasPrefix("linux.seccomp must allow sendmsg") == true)
            asking.syscalls?.append(rule("sendmsg", action: "SCMP_ACT_ALLOW"))
            #expect(error(asking) == nil)
        }
    }

    /// The rules of the checklist in shared/runtime-notes, section C.
    @Suite struct BuiltIn {
        let program: [UInt8]
        /// Both widths that a program can call in.
        static let widths: [UInt32] = [SeccompNames.native, SeccompNames.compatible]

        init() throws { program = try builtIn() }

        @Test(arguments: widths) func `clone3 does not exist, so that programs use clone`(architecture: UInt32) throws {
            #expect(Call(architecture: architecture, number: 435).result(program) == errno | UInt32(ENOSYS))
            // Whoever may make namespaces anyway needs no such detour.
            let administrator = try builtIn(["CAP_SYS_ADMIN"])
            #expect(Call(architecture: architecture, number: 435).result(administrator) == allow)
        }

        @Test func `clone makes threads and processes but no namespace`() {
            #expect(Call(number: clone, arguments: [0x3d_0f00]).result(program) == allow)
            #expect(Call(number: clone, arguments: [17]).result(program) == allow)
            for flag: UInt64 in [
                0x2_0000, 0x0200_0000, 0x0400_0000, 0x0800_0000, 0x1000_0000, 0x2000_0000, 0x4000_0000,
            ] {
                #expect(Call(number: clone, arguments: [flag | 17]).result(program) == errno | UInt32(EPERM))
            }
        }

        @Test(arguments: widths) func `what is denied is EPERM, what is unknown ENOSYS`(architecture: UInt32) {
            let mount = architecture == SeccompNames.native ? mount : 21
            #expect(Call(architecture: architecture, number: mount).result(program) == errno | UInt32(EPERM))
            for number: UInt32 in [425, 428, 442] {  // io_uring_setup, open_tree, mount_setattr
                #expect(Call(architecture: architecture, number: number).result(program) == errno | UInt32(EPERM))
            }
            for number: UInt32 in [467, 600, 9999] {
                #expect(Call(architecture: architecture, number: number).result(program) == errno | UInt32(ENOSYS))
            }
            #expect(Call(architecture: architecture, number: 452).result(program) == allow)  // fchmodat2
        }

        @Test(arguments: widths, [0x5412, 0x541c] as [UInt64])
        func `nobody types into another session's terminal`(architecture: UInt32, request: UInt64) {
            let number = architecture == SeccompNames.native ? ioctl : 54
            for request in [request, request | 0xffff_ffff_0000_0000] {
                let call = Call(architecture: architecture, number: number, arguments: [0, request])
                #expect(call.result(program) == errno | UInt32(EPERM))
            }
            let harmless = Call(architecture: architecture, number: number, arguments: [0, 0x5413])  // TIOCGWINSZ
            #expect(harmless.result(program) == allow)
        }

        @Test func `sockets into the host's kernel cannot be made`() {
            for family: UInt64 in [38, 40, 12, 46] {  // AF_ALG, AF_VSOCK, AF_DECnet, none yet
                #expect(Call(number: socket, arguments: [family]).result(program) == errno | UInt32(EPERM))
            }
            for family: UInt64 in [1, 2, 10, 16, 17, 29] {
                #expect(Call(number: socket, arguments: [family]).result(program) == allow)
            }
        }

        @Test func `another architecture is killed`() {
            let foreign: UInt32 = SeccompNames.isX86 ? 0xc000_00b7 : 0xc000_003e
            #expect(Call(architecture: foreign, number: 1).result(program) == 0)
        }

        #if arch(x86_64)
            @Test func `i386's socketcall makes no socket, since it hides the family (CVE-2026-31431)`() {
                let call = { (arguments: [UInt64]) in
                    Call(architecture: SeccompNames.compatible, number: 102, arguments: arguments).result(program)
                }
                #expect(call([1]) == errno | UInt32(ENOSYS))
                #expect(call([2]) == allow)
                #expect(
                    Call(architecture: SeccompNames.compatible, number: 359, arguments: [38]).result(program)
                        == errno | UInt32(EPERM))
            }

            @Test func `x32 is no way around: its calls do not exist`() throws {
                for number in [0, 1, 59, 165, 435, 512, 547] as [UInt32] {
                    #expect(Call(number: 0x4000_0000 | number).result(program) == errno | UInt32(ENOSYS))
                }
                // A profile without x32 kills; one with it filters.
                let without = try SeccompCompiler.compile(profile(rule("mkdirat")), isOurs: false)
                #expect(Call(number: 0x4000_0000 | mkdirat).result(without) == 0)
                let with = try SeccompCompiler.compile(
                    profile(rule("mkdirat"), architectures: ["SCMP_ARCH_X32"]), isOurs: false)
                #expect(Call(number: 0x4000_0000 | mkdirat).result(with) == 0x5_0001)
                #expect(Call(number: 0x4000_0000 | ioctl).result(with) == allow)
            }

            @Test func `a profile without i386 kills its calls, one with it filters them`() throws {
                let i386 = Call(architecture: SeccompNames.compatible, number: 296)  // mkdirat
                #expect(i386.result(try SeccompCompiler.compile(profile(rule("mkdirat")), isOurs: false)) == 0)
                let with = profile(rule("mkdirat"), architectures: ["SCMP_ARCH_X86"])
                #expect(i386.result(try SeccompCompiler.compile(with, isOurs: false)) == 0x5_0001)
            }
        #endif

        @Test func `a capability brings its calls`() throws {
            #expect(Call(number: mount).result(try builtIn(["CAP_SYS_ADMIN"])) == allow)
            #expect(Call(number: mount).result(try builtIn(["CAP_NET_ADMIN"])) == errno | UInt32(EPERM))
        }
    }

    @Suite(.serialized) struct Cache {
        let directory = "/tmp/wherry-seccomp-\(UInt32.random(in: 0...UInt32.max))"
        var spec = RuntimeSpec()
        var cache: String { directory + "/cache" }

        init() throws {
            try Files.makeDirectories(directory, mode: 0o700)
            spec.linux.seccomp = profile(rule("mkdirat", errnoRet: 5))
        }

        func load() throws -> [UInt8] {
            let program = try SeccompFilter.load(spec, capabilities: nil, cache: cache)?.program
            try? Files.removeTree(directory + "/done")
            return try #require(program)
        }

        /// Puts a program of an attacker's into the cache.
        func plant() throws -> [UInt8] {
            let key = SeccompKey(try #require(spec.linux.seccomp), flags: 0)
            let program: [UInt8] = [6, 0, 0, 0, 0, 0, 0xff, 0x7f]  // return ALLOW
            SeccompCache.write(cache, key, program)
            #expect(SeccompCache.read(cache, key) == program)
            return program
        }

        @Test func `a program is compiled once`() throws {
            defer { try? Files.removeTree(directory) }
            let program = try load()
            #expect(try Files.listDirectory(cache).count == 1)
            #expect(try load() == program)
            let planted = try plant()
            #expect(try load() == planted)  // so it was read
            var info = stat()
            #expect(stat(cache, &info) == 0 && info.st_mode & 0o777 == 0o700)
        }

        @Test(arguments: [0o770, 0o777, 0o720, 0o702] as [mode_t])
        func `a directory that others may write to is not trusted`(mode: mode_t) throws {
            defer { try? Files.removeTree(directory) }
            let planted = try plant()
            chmod(cache, mode)
            #expect(try load() != planted)
        }

        @Test(.enabled(if: geteuid() == 0)) func `a directory or a file of another user is not trusted`() throws {
            defer { try? Files.removeTree(directory) }
            let planted = try plant()
            let file = try #require(try Files.listDirectory(cache).first)
            chown("\(cache)/\(file)", 1000, 1000)
            #expect(try load() != planted)
            try Files.removeTree(cache)
            #expect(try plant() == planted)
            chown(cache, 1000, 1000)
            #expect(try load() != planted)
        }

        @Test func `a link in the place of the directory or of a file is not followed`() throws {
            defer { try? Files.removeTree(directory) }
            let planted = try plant()
            let file = try #require(try Files.listDirectory(cache).first)
            rename("\(cache)/\(file)", "\(directory)/elsewhere")
            symlink("\(directory)/elsewhere", "\(cache)/\(file)")
            #expect(try load() != planted)
            try Files.removeTree(cache)
            #expect(try plant() == planted)
            rename(cache, directory + "/moved")
            symlink(directory + "/moved", cache)
            #expect(try load() != planted)
        }

        @Test func `a damaged file is compiled anew`() throws {
            defer { try? Files.removeTree(directory) }
            let program = try load()
            let file = "\(cache)/\(try #require(try Files.listDirectory(cache).first))"
            let bytes = try Files.read(file)
            for length in [0, 10, bytes.count - program.count, bytes.count - 1] {
                try Files.writeAtomically(Array(bytes[..<length]), to: file)
                #expect(try load() == program)
            }
        }

        @Test func `every input is part of the key`() throws {
            defer { try? Files.removeTree(directory) }
            var base = profile(
                rule("a", "b", errnoRet: 1, args: [.init(index: 0, value: 1, valueTwo: 2, op: "SCMP_CMP_EQ")]),
                architectures: ["SCMP_ARCH_X86"])
            base.listenerPath = "/agent"
            let changes: [(inout RuntimeSpec.Seccomp) -> Void] = [
                { $0.defaultAction = "SCMP_ACT_LOG" }, { $0.defaultErrnoRet = 1 }, { $0.architectures = nil },
                { $0.architectures = ["SCMP_ARCH_X32"] }, { $0.listenerPath = nil }, { $0.syscalls = [] },
                { $0.syscalls?[0].names = ["ab"] }, { $0.syscalls?[0].names = ["a", "c"] },
                { $0.syscalls?[0].action = "SCMP_ACT_NOTIFY" }, { $0.syscalls?[0].errnoRet = nil },
                { $0.syscalls?[0].args = nil }, { $0.syscalls?[0].args?[0].index = 1 },
                { $0.syscalls?[0].args?[0].value = 2 }, { $0.syscalls?[0].args?[0].valueTwo = nil },
                { $0.syscalls?[0].args?[0].op = "SCMP_CMP_NE" },
            ]
            var keys: Set<[UInt8]> = [SeccompKey(base, flags: 0).bytes, SeccompKey(base, flags: 2).bytes]
            for change in changes {
                var profile = base
                change(&profile)
                keys.insert(SeccompKey(profile, flags: 0).bytes)
            }
            keys.insert(SeccompKey(capabilities: []).bytes)
            keys.insert(SeccompKey(capabilities: ["CAP_CHOWN"]).bytes)
            #expect(keys.count == changes.count + 4)
            #expect(SeccompKey(base, flags: 0).bytes == SeccompKey(base, flags: 0).bytes)
            for part in [SeccompNames.libraryVersion, "wherry "] {
                #expect(String(decoding: SeccompKey(base, flags: 0).bytes, as: UTF8.self).contains(part))
            }
        }
    }
}

/// An agent as SCMP_ACT_NOTIFY has it: takes one container process state and answers every question with one error.
private final class SeccompAgent: Sendable {
    let path: String
    private let socket: Int32

    init(path: String) throws {
        self.path = path
        socket = Glibc.socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | O_CLOEXEC, 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        let bound = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(socket, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        try #require(bound == 0 && listen(socket, 1) == 0)
    }

    deinit { close(socket) }

    struct Received {
        let state: JSONValue
        let listener: Int32
        /// Nothing follows the one message.
        let isClosed: Bool
    }

    /// Waits at most 20 seconds for each step; `meanwhile` has the listener before the connection's end is waited for.
    func receive(meanwhile: (Int32) throws -> Void = { _ in }) throws -> Received {
        let connection = FileDescriptor(
            adopting: try {
                try wait(socket); return accept(socket, nil, nil)
            }())
        try wait(connection.rawValue)
        // Looked at first: the descriptor comes with the first byte that is taken.
        var text = [UInt8](repeating: 0, count: 4096)
        let count = recv(connection.rawValue, &text, text.count, Int32(MSG_PEEK))
        let listener = wherry_receive_descriptor(connection.rawValue)
        try meanwhile(listener)
        try wait(connection.rawValue)
        return Received(
            state: try JSONValue(parsing: text[..<count]), listener: listener,
            isClosed: recv(connection.rawValue, &text, text.count, 0) == 0)
    }

    /// Answers the next question with an error, nil lets the call go on. Returns the number of the call.
    @discardableResult
    func answer(_ listener: Int32, errno: Int32?) throws -> Int32 {
        try wait(listener)
        var question = [UInt64](repeating: 0, count: 10)  // struct seccomp_notif
        try #require(wherry_ioctl_pointer(listener, 0xc050_2100, &question) == 0)
        // struct seccomp_notif_resp; the highest word is SECCOMP_USER_NOTIF_FLAG_CONTINUE.
        var response: [UInt64] = [question[0], 0, errno.map { UInt64(UInt32(bitPattern: -$0)) } ?? 1 << 32]
        try #require(wherry_ioctl_pointer(listener, 0xc018_2101, &response) == 0)
        return Int32(truncatingIfNeeded: question[2])
    }

    private func wait(_ descriptor: Int32) throws {
        var entry = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        try #require(poll(&entry, 1, 20_000) == 1, "nothing came")
    }
}

extension SeccompTests {
    /// In this kernel, on a thread: without TSYNC a filter holds for the calling thread alone.
    @Suite(.enabled(if: RuntimeFixture.isPossible)) struct Kernel {
        let state = OCIState(
            id: "box", status: .creating, pid: 0, bundle: "/bundle", annotations: ["io.example": "1"])

        func load(_ profile: RuntimeSpec.Seccomp) throws -> SeccompFilter {
            var spec = RuntimeSpec()
            spec.linux.seccomp = profile
            return try #require(
                try SeccompFilter.load(spec, capabilities: nil, cache: "/proc/no-cache", state: state))
        }

        /// What `mkdir` says under a filter, or the error of loading it, through a pipe.
        func mkdir(under filter: SeccompFilter) throws -> FileDescriptor {
            let pipe = try FileDescriptor.pipe()
            let output = try pipe.writer.duplicate().release()
            Thread.start(name: "filtered") {
                var text: String
                do {
                    try filter.install()
                    text = Glibc.mkdir("/proc/no", 0o755) == 0 ? "made" : "errno \(Errno.last.rawValue)"
                } catch {
                    text = "\(error)"
                }
                text.withUTF8 { _ = write(output, $0.baseAddress, $0.count) }
                close(output)
            }
            return try pipe.reader.duplicate()
        }

        func text(_ output: borrowing FileDescriptor) throws -> String {
            String(decoding: try output.readToEnd(limit: 4096), as: UTF8.self)
        }

        @Test(arguments: ["SECCOMP_FILTER_FLAG_LOG", "SECCOMP_FILTER_FLAG_SPEC_ALLOW"])
        func `a filter with a flag is in force`(flag: String) throws {
            var profile = profile(rule("mkdir", "mkdirat", errnoRet: 77))
            profile.flags = [flag]
            #expect(try text(mkdir(under: load(profile))) == "errno 77")
            #expect(SeccompFeatures.supportedFlags == SeccompFeatures.knownFlags)
        }

        @Test func `a flag that is not known or has no sense is an error`() throws {
            var profile = profile(rule("mkdir"))
            profile.flags = ["SECCOMP_FILTER_FLAG_TSYNC", "SECCOMP_FILTER_FLAG_NEW_LISTENER"]
            #expect(throws: RuntimeError.self) { try load(profile) }
            profile.flags = ["SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV"]
            #expect(throws: RuntimeError.self) { try load(profile) }
            #expect(!SeccompFilter.kernelKnows(1 << 20))
        }

        @Test func `a filter that the kernel refuses is an error`() throws {
            let filter = SeccompFilter(program: try load(profile()).program, flags: 1 << 20)
            let message = try text(mkdir(under: filter))
            #expect(message.contains("seccomp: Invalid argument"))
        }

        @Test(arguments: [nil, ["SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV"]])
        func `an agent is given the state and the listener, and decides`(flags: [String]?) throws {
            let agent = try SeccompAgent(path: "/tmp/wherry-agent-\(UInt32.random(in: 0...UInt32.max))")
            defer { unlink(agent.path) }
            var profile = profile(rule("mkdir", "mkdirat", action: "SCMP_ACT_NOTIFY"))
            profile.listenerPath = agent.path
            profile.listenerMetadata = "decide \"well\""
            profile.flags = flags
            let output = try mkdir(under: load(profile))
            let received = try agent.receive()
            defer { close(received.listener) }
            #expect(received.isClosed)
            let pid = JSONValue.integer(Int64(getpid()))
            #expect(
                received.state == [
                    "ociVersion": "1.2.0", "fds": ["seccompFd"], "pid": pid, "metadata": "decide \"well\"",
                    "state": [
                        "ociVersion": "1.2.0", "id": "box", "status": "creating", "pid": pid, "bundle": "/bundle",
                        "annotations": ["io.example": "1"],
                    ],
                ])
            try agent.answer(received.listener, errno: 99)
            #expect(try text(output) == "errno 99")
        }

        @Test func `a call of the runtime's own waits for the agent that has the listener by then`() throws {
            let agent = try SeccompAgent(path: "/tmp/wherry-agent-\(UInt32.random(in: 0...UInt32.max))")
            defer { unlink(agent.path) }
            var profile = profile(rule("close", action: "SCMP_ACT_NOTIFY"), rule("mkdir", "mkdirat", errnoRet: 55))
            profile.listenerPath = agent.path
            let output = try mkdir(under: load(profile))
            let received = try agent.receive { listener in
                for _ in 0..<2 { try agent.answer(listener, errno: nil) }  // listener and connection
            }
            defer { close(received.listener) }
            #expect(received.isClosed)
            try agent.answer(received.listener, errno: nil)  // the pipe
            #expect(try text(output) == "errno 55")
        }

        @Test func `an agent that does not listen is an error before anything is loaded`() throws {
            var profile = profile(rule("mkdir", action: "SCMP_ACT_NOTIFY"))
            profile.listenerPath = "/tmp/wherry-no-agent"
            let error = #expect(throws: RuntimeError.self) { try load(profile) }
            #expect(error?.message.contains("connect to linux.seccomp.listenerPath /tmp/wherry-no-agent") == true)
            #expect(error?.errno == ENOENT)
        }

        @Test func `an agent that hangs up is an error`() throws {
            var agent: SeccompAgent? = try SeccompAgent(path: "/tmp/wherry-agent-\(UInt32.random(in: 0...UInt32.max))")
            let path = try #require(agent?.path)
            defer { unlink(path) }
            var profile = profile(rule("mkdir", "mkdirat", action: "SCMP_ACT_NOTIFY"))
            profile.listenerPath = path
            let filter = try load(profile)
            agent = nil
            #expect(try text(mkdir(under: filter)).contains("send the seccomp listener"))
        }
    }
}

extension SeccompTests {
    @Suite(.enabled(if: RuntimeFixture.isPossible), .serialized) struct Containers {
        let fixture: RuntimeFixture

        init() throws { fixture = try RuntimeFixture() }

        /// A container under a profile of a specification's.
        func shell(
            _ script: String, _ profile: RuntimeSpec.Seccomp, noNewPrivileges: Bool = true, uid: UInt32 = 0
        ) throws -> RuntimeFixture.Run {
            try fixture.shell(script) { spec in
                spec.wherry.seccomp = nil
                spec.linux.seccomp = profile
                spec.process?.noNewPrivileges = noNewPrivileges
                spec.process?.user.uid = uid
            }
        }

        /// What the set-up calls between taking its identity and the program.
        static let setUp = rule("setresuid", "setresgid", "setgroups", "capset", "chdir", "getcwd", "umask")

        @Test func `with no_new_privs the filter is the last step, and may forbid those before`() throws {
            let run = try shell("echo up; grep -E 'Seccomp:|NoNewPrivs' /proc/self/status", profile(Self.setUp))
            #expect(run.output == ["up", "NoNewPrivs:\t1", "Seccomp:\t2"])
        }

        @Test func `without no_new_privs it is loaded while the right to is still there`() throws {
            let run = try shell(
                "grep -E 'Seccomp:|NoNewPrivs|CapEff' /proc/self/status; mkdir /tmp/x || echo no",
                profile(rule("mkdir", "mkdirat")), noNewPrivileges: false, uid: 1000)
            #expect(run.output.first == "CapEff:\t0000000000000000")
            #expect(run.output.contains("NoNewPrivs:\t0") && run.output.contains("Seccomp:\t2"))
            #expect(run.output.contains("no"))
            // So it holds for the steps that follow.
            #expect(throws: (any Error).self) {
                try shell("true", profile(Self.setUp), noNewPrivileges: false, uid: 1000)
            }
        }

        @Test func `all threads are under a filter with TSYNC`() throws {
            var profile = profile(rule("mkdir", "mkdirat"))
            profile.flags = SeccompFeatures.knownFlags.filter { !$0.hasSuffix("WAIT_KILLABLE_RECV") }
            #expect(profile.flags?.contains("SECCOMP_FILTER_FLAG_TSYNC") == true)
            #expect(try shell("mkdir /tmp/x || echo no", profile).output.contains("no"))
        }

        @Test func `a profile that is not valid stops the creation and says where`() throws {
            let spec = try fixture.spec(["true"]) {
                $0.wherry.seccomp = nil
                $0.linux.seccomp = profile(rule("mkdir", action: "SCMP_ACT_DENY"))
            }
            let error = #expect(throws: RuntimeError.self) { try fixture.runtime.create(id: "bad", spec: spec) }
            #expect(error?.message.contains("linux.seccomp.syscalls[0].action \"SCMP_ACT_DENY\"") == true)
        }

        @Test func `a container's first process is asked about to the agent`() throws {
            let agent = try SeccompAgent(path: fixture.directory + "/agent")
            var profile = profile(rule("mkdir", "mkdirat", action: "SCMP_ACT_NOTIFY"))
            profile.listenerPath = agent.path
            let spec = try fixture.spec(["sh", "-c", "mkdir /tmp/x; echo end"]) {
                $0.wherry.seccomp = nil
                $0.linux.seccomp = profile
                $0.annotations = ["io.example": "1"]
            }
            let created = try fixture.runtime.create(
                id: "asked", spec: spec, options: .init(log: fixture.log("asked")))
            let state = try fixture.runtime.state("asked")
            try fixture.runtime.start("asked")
            let received = try agent.receive()
            defer { close(received.listener) }
            #expect(received.isClosed)
            #expect(received.state["pid"]?.intValue == Int(state.pid))
            #expect(received.state["state"]?["pid"]?.intValue == Int(state.pid))
            #expect(received.state["state"]?["id"] == "asked")
            #expect(received.state["state"]?["annotations"] == ["io.example": "1"])
            try agent.answer(received.listener, errno: ENOSPC)
            try fixture.wait(created)
            let output = fixture.output("asked")
            #expect(output.contains("end") && output.joined().contains("No space left"))
        }

        #if arch(x86_64)
            /// Makes one system call by the door that is named, and prints what it returns.
            static let caller = """
                #include <stdio.h>
                #include <stdlib.h>
                #include <string.h>
                int main(int count, char **words) {
                    unsigned long v[7] = {0};
                    for (int i = 2; i < count && i < 9; i++) v[i - 2] = strtoul(words[i], 0, 0);
                    long result;
                    if (strcmp(words[1], "i386") == 0) {
                        int low;
                        __asm__ volatile("int $0x80" : "=a"(low) : "a"((int)v[0]), "b"((int)v[1]), "c"((int)v[2]),
                                         "d"((int)v[3]) : "memory", "r8", "r9", "r10", "r11");
                        result = low;
                    } else {
                        __asm__ volatile("syscall" : "=a"(result) : "a"(v[0]), "D"(v[1]), "S"(v[2]), "d"(v[3])
                                         : "memory", "rcx", "r11");
                    }
                    printf("%ld\\n", result);
                    return 0;
                }
                """

            static let compiler = ["/usr/bin/cc", "/usr/bin/gcc", "/usr/bin/clang"].first { Files.exists($0) }

            @Test(.enabled(if: compiler != nil, "needs a C compiler"))
            func `the built-in profile holds for calls of both widths and for x32`() throws {
                let source = fixture.directory + "/call.c"
                try Files.writeAtomically(Array(Self.caller.utf8), to: source)
                let arguments = ["cc", "-static", "-O1", "-o", fixture.image + "/bin/call", source]
                let compiler = try ChildProcess.spawn(path: try #require(Self.compiler), arguments: arguments)
                close(compiler.pidfd)
                #expect(ChildProcess.wait(compiler.pid) == .exited(0))
                let calls: [(String, Int)] = [
                    ("native 435", -38), ("i386 435", -38),  // clone3
                    ("native 16 0 0x5412", -1), ("i386 54 0 0x5412", -1),  // TIOCSTI
                    ("native 16 0 0x10000541c", -1), ("i386 54 0 0x541c", -1),  // TIOCLINUX
                    ("native 272 0x10000000", -1), ("i386 310 0x10000000", -1),  // unshare
                    ("native 9999", -38), ("i386 9999", -38),
                    ("native 0x4000003f", -38),  // x32's uname
                    ("native 41 38 5 0", -1), ("i386 359 38 5 0", -1), ("i386 102 1 0", -38),  // AF_ALG
                    ("native 56 0x10000011", -1), ("i386 120 0x10000011", -1),  // clone into a user namespace
                    ("native 24", 0), ("i386 158", 0),  // sched_yield
                ]
                let run = try fixture.shell(calls.map { "call \($0.0)" }.joined(separator: "\n"))
                for (call, result) in zip(calls, run.output) { #expect(Int(result) == call.1, "\(call.0)") }
                #expect(run.output.count == calls.count)
                // The same calls pass without a filter: the kernel itself knows them.
                let open = try fixture.shell("call native 435; call i386 435; call native 16 0 0x5413") {
                    $0.wherry.seccomp = .unconfined
                }
                #expect(open.output == ["-22", "-22", "-25"])
            }
        #endif
    }
}
