/// A registry whose images this one keeps copies of: all repositories below a prefix.
///
/// Written `docker.io=https://registry-1.docker.io`: the repository `docker.io/library/busybox` here is
/// `library/busybox` there.
public struct RegistryUpstream: Sendable {
    /// First components of the repositories' names here.
    public let prefix: String
    let address: WebAddress

    /// - Throws: ``ImageError`` with code `invalidReference`.
    public init(parsing text: String) throws(ImageError) {
        let parts = text.split(separator: "=", maxSplits: 1)
        guard parts.count == 2, let address = WebAddress(String(parts[1])), address.target == "/" else {
            throw ImageError(
                .invalidReference,
                "\"\(text.prefix(200))\" is not PREFIX=URL, such as docker.io=https://registry-1.docker.io")
        }
        prefix = try RepositoryName(parsing: String(parts[0])).description
        self.address = address
    }

    /// The name there of a repository here; nil when it is not below the prefix.
    func repository(of name: RepositoryName) -> String? {
        let start = prefix + "/"
        return name.description.hasPrefix(start) ? String(name.description.dropFirst(start.count)) : nil
    }
}
