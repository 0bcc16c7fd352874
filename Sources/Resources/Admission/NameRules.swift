#if canImport(Glibc)
    internal import Glibc
#else
    internal import Musl
#endif

/// The forms of names in Kubernetes (k8s.io/apimachinery/pkg/util/validation). Each returns what is wrong, or nil.
enum NameRules {
    private static func isLower(_ byte: UInt8) -> Bool { (0x61...0x7A).contains(byte) }
    private static func isUpper(_ byte: UInt8) -> Bool { (0x41...0x5A).contains(byte) }
    private static func isDigit(_ byte: UInt8) -> Bool { (0x30...0x39).contains(byte) }
    private static func isLowerAlphanumeric(_ byte: UInt8) -> Bool { isLower(byte) || isDigit(byte) }
    private static func isAlphanumeric(_ byte: UInt8) -> Bool { isLowerAlphanumeric(byte) || isUpper(byte) }
    private static let dash = UInt8(ascii: "-")
    private static let dot = UInt8(ascii: ".")
    private static let underscore = UInt8(ascii: "_")

    private static func isLabel(_ text: some Collection<UInt8>) -> Bool {
        let bytes = Array(text)
        guard let first = bytes.first, let last = bytes.last else { return false }
        return isLowerAlphanumeric(first) && isLowerAlphanumeric(last)
            && bytes.allSatisfy { isLowerAlphanumeric($0) || $0 == dash }
    }

    /// RFC 1123 label: 63 lower-case letters, digits and `-`.
    static func label(_ text: String) -> String? {
        if text.utf8.count > 63 { return "must be no more than 63 characters" }
        if isLabel(text.utf8) { return nil }
        return
            "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')"
    }

    /// RFC 1123 subdomain: labels joined by dots, 253 bytes.
    static func subdomain(_ text: String) -> String? {
        if text.utf8.count > 253 { return "must be no more than 253 characters" }
        if text.utf8.split(separator: dot, omittingEmptySubsequences: false).allSatisfy({ isLabel($0) }) { return nil }
        return
            "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
    }

    /// RFC 1035 label, as a Service's name: begins with a letter.
    static func dns1035Label(_ text: String) -> String? {
        if text.utf8.count > 63 { return "must be no more than 63 characters" }
        if isLabel(text.utf8), text.utf8.first.map(isLower) == true { return nil }
        return
            "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation is '[a-z]([-a-z0-9]*[a-z0-9])?')"
    }

    /// What may stand as one part of a path, as the names of Roles.
    static func pathSegment(_ text: String) -> String? {
        if text == "." || text == ".." { return "may not be '\(text)'" }
        for part in ["/", "%"] where text.contains(part) { return "may not contain '\(part)'" }
        return nil
    }

    static let addressFault = "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"

    static func isAddress(_ text: String) -> Bool {
        var bytes = in6_addr()
        return inet_pton(AF_INET, text, &bytes) == 1 || inet_pton(AF_INET6, text, &bytes) == 1
    }

    private static func isQualifiedPart(_ bytes: [UInt8]) -> Bool {
        guard let first = bytes.first, let last = bytes.last else { return false }
        return isAlphanumeric(first) && isAlphanumeric(last)
            && bytes.allSatisfy { isAlphanumeric($0) || $0 == dash || $0 == dot || $0 == underscore }
    }

    /// Label or annotation key: an optional DNS prefix and a name of 63 bytes.
    static func qualifiedName(_ text: String) -> String? {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        if parts.count > 2 {
            return
                "a qualified name must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]') with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')"
        }
        if parts.count == 2 {
            if parts[0].isEmpty { return "prefix part must be non-empty" }
            if let fault = subdomain(String(parts[0])) { return "prefix part \(fault)" }
        }
        let name = parts.last ?? ""
        if name.isEmpty { return "name part must be non-empty" }
        if name.utf8.count > 63 { return "name part must be no more than 63 characters" }
        if isQualifiedPart(Array(name.utf8)) { return nil }
        return
            "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"
    }

    static func labelValue(_ text: String) -> String? {
        if text.utf8.count > 63 { return "must be no more than 63 characters" }
        if text.isEmpty || isQualifiedPart(Array(text.utf8)) { return nil }
        return
            "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')"
    }

    /// Key of a ConfigMap or Secret: also a file name, so `.` and `..` are out.
    static func dataKey(_ text: String) -> String? {
        if text.utf8.count > 253 { return "must be no more than 253 characters" }
        if text == "." || text == ".." { return "must not be '\(text)'" }
        if text.hasPrefix("..") { return "must not start with '..'" }
        if !text.isEmpty, text.utf8.allSatisfy({ isAlphanumeric($0) || $0 == dash || $0 == dot || $0 == underscore }) {
            return nil
        }
        return
            "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')"
    }

    /// Any printable ASCII since 1.32; only `=` would end the name.
    static func environmentVariable(_ text: String) -> String? {
        if !text.isEmpty, text.utf8.allSatisfy({ (0x20...0x7E).contains($0) && $0 != UInt8(ascii: "=") }) { return nil }
        return
            "a valid environment variable name must consist only of printable ASCII characters other than '='"
    }

    /// Parts separated by `.` or `/`, each of lower-case letters, digits, `-` and `_`.
    static func sysctl(_ text: String) -> String? {
        let parts = text.utf8.split(omittingEmptySubsequences: false) { $0 == dot || $0 == UInt8(ascii: "/") }
        let isGood = parts.allSatisfy { part in
            guard let first = part.first, let last = part.last else { return false }
            return isLowerAlphanumeric(first) && isLowerAlphanumeric(last)
                && part.allSatisfy { isLowerAlphanumeric($0) || $0 == dash || $0 == underscore }
        }
        if isGood, text.utf8.count <= 253 { return nil }
        return
            "must have at most 253 characters and match regex ^([a-z0-9]([-_a-z0-9]*[a-z0-9])?[\\./])*[a-z0-9]([-_a-z0-9]*[a-z0-9])?$"
    }

    /// IANA service name, as ports have.
    static func portName(_ text: String) -> String? {
        if text.utf8.count > 15 { return "must be no more than 15 characters" }
        let bytes = Array(text.utf8)
        if !bytes.allSatisfy({ isLowerAlphanumeric($0) || $0 == dash }) {
            return "must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)"
        }
        if !bytes.contains(where: isLower) { return "must contain at least one letter (a-z)" }
        if text.contains("--") { return "must not contain consecutive hyphens" }
        if bytes.first == dash || bytes.last == dash { return "must not begin or end with a hyphen" }
        return nil
    }

    /// A relative path that stays beneath its root.
    static func localPath(_ text: String) -> String? {
        if text.hasPrefix("/") { return "must be a relative path" }
        if text.split(separator: "/").contains("..") { return "must not contain '..'" }
        return nil
    }
}
