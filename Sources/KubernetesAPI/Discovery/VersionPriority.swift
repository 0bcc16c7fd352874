/// The order in which a group's versions are preferred: `v2`, `v1`, `v2beta1`, `v1alpha1`, then all other names by letter.
enum VersionPriority {
    static func precedes(_ a: String, _ b: String) -> Bool {
        switch (rank(a), rank(b)) {
        case (let a?, let b?): return a > b
        case (_?, nil): return true
        case (nil, _?): return false
        case (nil, nil): return a < b
        }
    }

    /// Stage, major and minor; nil for a name that is no version of Kubernetes' form.
    private static func rank(_ name: String) -> (Int, Int, Int)? {
        guard name.first == "v" else { return nil }
        let digits = name.dropFirst().prefix { $0.isASCII && $0.isNumber }
        guard let major = Int(digits), !digits.hasPrefix("0") else { return nil }
        let rest = name.dropFirst(1 + digits.count)
        if rest.isEmpty { return (2, major, 0) }
        for (stage, word) in [(1, "beta"), (0, "alpha")] where rest.hasPrefix(word) {
            return Int(rest.dropFirst(word.count)).map { (stage, major, $0) }
        }
        return nil
    }
}
