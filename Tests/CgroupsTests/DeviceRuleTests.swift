import Testing

@testable import Cgroups

/// What device rules come to, on both versions; no kernel is asked.
struct DeviceRuleTests {
    struct Request: Hashable {
        let isBlock: Bool
        let major: UInt32
        let minor: UInt32
        let access: DeviceAccess
    }

    /// The rule of both: the last one that matches decides, for each kind of access.
    private func reference(_ rules: [DeviceRule], _ request: Request) -> Bool {
        for bit in [DeviceAccess.make, .read, .write] where request.access.contains(bit) {
            let last = rules.last { rule in
                (rule.kind == .all || (rule.kind == .block) == request.isBlock)
                    && (rule.major ?? request.major) == request.major && (rule.minor ?? request.minor) == request.minor
                    && rule.accessBits.contains(bit)
            }
            guard last?.isAllowed == true else { return false }
        }
        return true
    }

    /// Runs the few instructions that `DeviceFilter` uses.
    private func run(_ program: [UInt64], _ request: Request) -> Bool? {
        var registers: [UInt32] = [0, 0, 0, 0, 0, 0]
        let context = [
            UInt32(request.access.rawValue) << 16 | (request.isBlock ? 1 : 2), request.major, request.minor,
        ]
        var index = 0
        while index < program.count {
            let word = program[index]
            let target = Int(word >> 8 & 15)
            let source = Int(word >> 12 & 15)
            let offset = Int(Int16(truncatingIfNeeded: word >> 16))
            let immediate = UInt32(truncatingIfNeeded: word >> 32)
            index += 1
            switch word & 0xff {
            case 0x61: registers[target] = context[offset / 4]
            case 0xbc: registers[target] = registers[source]
            case 0xb4: registers[target] = immediate
            case 0x54: registers[target] &= immediate
            case 0x74: registers[target] >>= immediate
            case 0x05: index += offset
            case 0x56: if registers[target] != immediate { index += offset }
            case 0x46: if registers[target] & immediate != 0 { index += offset }
            case 0x95: return registers[0] == 1
            default: return nil
            }
        }
        return nil
    }

    /// The v1 controller's check (security/device_cgroup.c): one exception has to give all, or none may take anything.
    private func check(_ list: DeviceList, _ request: Request) -> Bool {
        var isDenied = true
        var exceptions: [(line: String, isAllowed: Bool)] = []
        for value in list.values {
            if value.value == "a" { isDenied = value.file == "devices.deny" }
            exceptions.append((value.value, value.file == "devices.allow"))
        }
        for exception in exceptions where exception.line != "a" && exception.isAllowed == isDenied {
            let parts = exception.line.split(separator: " ")
            let numbers = parts[1].split(separator: ":")
            guard (parts[0] == "b") == request.isBlock, numbers[0] == "*" || UInt32(numbers[0]) == request.major,
                numbers[1] == "*" || UInt32(numbers[1]) == request.minor
            else { continue }
            let access = DeviceRule(kind: .all, access: String(parts[2])).accessBits
            if isDenied, access.isSuperset(of: request.access) { return true }
            if !isDenied, !access.isDisjoint(with: request.access) { return false }
        }
        return !isDenied
    }

    private static let requests: [Request] = [false, true].flatMap { isBlock in
        (UInt32(0)..<3).flatMap { major in
            (UInt32(0)..<3).flatMap { minor in
                (UInt8(1)..<8).map {
                    Request(isBlock: isBlock, major: major, minor: minor, access: DeviceAccess(rawValue: $0))
                }
            }
        }
    }

    /// Lists of rules from a seed, so that a failure comes again.
    private static func rules(_ seed: UInt64) -> [DeviceRule] {
        var state = seed &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        func next(_ limit: UInt64) -> UInt64 {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return (state >> 33) % limit
        }
        let kinds: [DeviceRule.Kind] = [.all, .character, .block]
        let accesses = ["r", "w", "m", "rw", "rm", "wm", "rwm", "rwm"]
        return (0..<next(7)).map { _ in
            DeviceRule(
                isAllowed: next(2) == 0, kind: kinds[Int(next(3))], major: [nil, 0, 1][Int(next(3))],
                minor: [nil, 0, 1][Int(next(3))], access: accesses[Int(next(8))])
        }
    }

    @Test func theProgramFollowsTheLastRuleThatMatches() {
        for seed in 0..<2000 as Range<UInt64> {
            let rules = Self.rules(seed)
            let program = DeviceFilter.program(rules)
            for request in Self.requests where run(program, request) != reference(rules, request) {
                Issue.record("seed \(seed): \(rules) \(request)")
                return
            }
        }
    }

    @Test func theListOfV1ComesToTheSameOrIsRefused() throws {
        var refused = 0
        for seed in 0..<2000 as Range<UInt64> {
            let rules = Self.rules(seed)
            guard let list = try? DeviceList(rules) else {
                refused += 1
                continue
            }
            for request in Self.requests {
                // Exceptions that overlap without one being within the other give less together than they should.
                let expected = reference(rules, request)
                guard check(list, request) != expected, !expected || request.access.rawValue.nonzeroBitCount < 2 else {
                    continue
                }
                Issue.record("seed \(seed): \(rules) \(request)")
                return
            }
        }
        #expect(refused > 0 && refused < 1500)
    }

    @Test func aDenialInsideAPermissionIsRefusedUnlessALaterRuleMakesItVoid() throws {
        let wide = DeviceRule(kind: .character, major: 1)
        let hole = DeviceRule(isAllowed: false, kind: .character, major: 1, minor: 3, access: "w")
        #expect(refusal { _ = try DeviceList([wide, hole]) }?.message.contains("c 1:3 w") == true)
        #expect(try DeviceList([wide, hole, wide]) == DeviceList([wide]))
        #expect(try DeviceList([wide, hole, DeviceRule(isAllowed: false, kind: .all)]) == DeviceList([]))
        #expect(try DeviceList([hole, wide]) == DeviceList([wide]))
    }

    @Test func anExceptionHasWhatAWiderOneGives() throws {
        let list = try DeviceList([
            DeviceRule(kind: .character, major: 1, access: "r"),
            DeviceRule(kind: .character, major: 1, minor: 3, access: "w"),
        ])
        #expect(list.values.map(\.value) == ["a", "c 1:* r", "c 1:3 rw"], "v1 looks for all access in one exception")
    }

    @Test func aChangeKeepsWhatBothAllow() throws {
        let null = DeviceRule(kind: .character, major: 1, minor: 3)
        let zero = DeviceRule(kind: .character, major: 1, minor: 5)
        let block = DeviceRule(kind: .block, access: "m")
        let present = DeviceList(list: "c 1:3 rwm\nb *:* rm\n")
        let change = try DeviceList([null, zero, block]).values(from: present).map { "\($0.file) \($0.value)" }
        #expect(change == ["devices.allow c 1:5 rwm", "devices.allow b *:* m", "devices.deny b *:* r"])
        #expect(try DeviceList([null]).values(from: DeviceList(list: "a *:* rwm")).first?.value == "a")
        #expect(try DeviceList([DeviceRule(kind: .all)]).values(from: present).map(\.value) == ["a"])
        #expect(try DeviceList([null, block]).values(from: DeviceList([null, block])).isEmpty)
    }
}
