import Linux
import OCI

/// Users and groups of a container, from its own `/etc/passwd` and `/etc/group`.
///
/// The files belong to the image, so they are opened beneath its root, read under a size limit and parsed strictly: a line
/// that is not understood is skipped, a number is digits only (CVE-2026-30892). No look-up of the C library is used: it would
/// load modules chosen by the container (CVE-2019-14271).
struct UserDatabase {
    /// Who a process runs as.
    struct Identity: Equatable {
        var uid: UInt32 = 0
        var gid: UInt32 = 0
        var groups: [UInt32] = []
        var home = "/"
    }

    private struct User {
        let name: String
        let uid: UInt32
        let gid: UInt32
        let home: String
    }

    private struct Group {
        let name: String
        let gid: UInt32
        let members: [Substring]
    }

    private let users: [User]
    private let groups: [Group]

    init(root: Int32) {
        self.init(passwd: Self.read(root, "/etc/passwd"), group: Self.read(root, "/etc/group"))
    }

    init(passwd: String, group: String) {
        users = Self.records(passwd).compactMap { fields in
            guard fields.count >= 6, !fields[0].isEmpty, let uid = Self.number(fields[2]),
                let gid = Self.number(fields[3])
            else { return nil }
            return User(name: String(fields[0]), uid: uid, gid: gid, home: String(fields[5]))
        }
        groups = Self.records(group).compactMap { fields in
            guard fields.count >= 3, !fields[0].isEmpty, let gid = Self.number(fields[2]) else { return nil }
            return Group(
                name: String(fields[0]), gid: gid, members: fields.count > 3 ? fields[3].split(separator: ",") : [])
        }
    }

    /// The identity of a specification's user; `username` decides when it is there.
    func identity(_ user: RuntimeSpec.User) throws(RuntimeError) -> Identity {
        guard let text = user.username, !text.isEmpty else {
            return Identity(
                uid: user.uid, gid: user.gid, groups: user.additionalGids ?? [],
                home: home(users.first { $0.uid == user.uid }))
        }
        var identity = try identity(text)
        for gid in user.additionalGids ?? [] where !identity.groups.contains(gid) { identity.groups.append(gid) }
        return identity
    }

    /// `USER[:GROUP]`, names or numbers. A number wins over a name made of digits only when no user has that name.
    private func identity(_ text: String) throws(RuntimeError) -> Identity {
        let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
        let name = String(parts[0])
        var identity = Identity()
        var entry = users.first { $0.name == name }
        if entry == nil, let uid = Self.number(parts[0]) {
            entry = users.first { $0.uid == uid }
            identity.uid = uid
        } else if entry == nil {
            throw RuntimeError(
                .unknownUser, "unable to find user \(name): no matching entries in the container's passwd file")
        }
        if let entry {
            identity.uid = entry.uid
            identity.gid = entry.gid
            identity.home = home(entry)
        }
        if parts.count == 2 {
            identity.gid = try gid(String(parts[1]))
        } else if let entry {
            identity.groups = groups.filter { $0.members.contains(Substring(entry.name)) }.map(\.gid)
        }
        return identity
    }

    private func gid(_ name: String) throws(RuntimeError) -> UInt32 {
        if let group = groups.first(where: { $0.name == name }) { return group.gid }
        if let number = Self.number(name[...]) { return number }
        throw RuntimeError(
            .unknownUser, "unable to find group \(name): no matching entries in the container's group file")
    }

    private func home(_ user: User?) -> String {
        guard let home = user?.home, home.utf8.first == UInt8(ascii: "/") else { return "/" }
        return home
    }

    /// Digits only, and not the number that means "no change" to the kernel.
    static func number(_ text: Substring) -> UInt32? {
        guard !text.isEmpty, text.utf8.count <= 10,
            text.utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }), let value = UInt32(text),
            value != .max
        else { return nil }
        return value
    }

    private static func records(_ text: String) -> [[Substring]] {
        text.split(separator: "\n").map { $0.split(separator: ":", omittingEmptySubsequences: false) }
    }

    private static func read(_ root: Int32, _ path: String) -> String {
        guard let file = try? OpenBeneath.open(root: root, path: path, flags: O_RDONLY | O_NONBLOCK | O_NOCTTY) else {
            return ""
        }
        var info = stat()
        guard fstat(file.rawValue, &info) == 0, info.st_mode & S_IFMT == S_IFREG,
            let bytes = try? file.readToEnd(limit: 4 << 20)
        else { return "" }
        return String(decoding: bytes, as: UTF8.self)
    }
}
