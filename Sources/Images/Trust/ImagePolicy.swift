internal import OCI

/// Which images this device takes, and what each must prove: `image-policy.json` in the data directory.
///
/// The shape is that of containers-policy.json(5), judged by the name an image gets here, however it comes: pulled,
/// loaded or imported. See docs/image-policy.md.
struct ImagePolicy: Sendable {
    enum Requirement: Sendable {
        case accept
        case reject
        case signed(SignatureRequirement)
    }

    /// What applies to a name, and which entry of the file says so.
    struct Rule: Sendable {
        let scope: String
        let requirements: [Requirement]
    }

    /// Where it was read from, for messages.
    let path: String
    /// Of the file and of every key it names: a verdict holds for as long as this stays the same.
    let fingerprint: Digest
    let defaults: [Requirement]
    let scopes: [String: [Requirement]]

    /// The longest scope that fits wins; images without a name get the default.
    func rule(for reference: ImageReference?) -> Rule {
        for scope in reference.map(Self.scopes(of:)) ?? [] {
            if let found = scopes[scope] { return Rule(scope: "scope \"\(scope)\"", requirements: found) }
        }
        if reference != nil, let found = scopes[""] { return Rule(scope: "scope \"\"", requirements: found) }
        return Rule(scope: "the default", requirements: defaults)
    }

    /// From the narrowest to the widest: the whole name, the repository, each path above it, the registry, `*.domain`.
    private static func scopes(of reference: ImageReference) -> [String] {
        var scopes = [reference.description]
        if reference.tag != nil, reference.digest != nil { scopes.append(reference.pinnedDescription) }
        var name = reference.name[...]
        scopes.append(String(name))
        while let slash = name.lastIndex(of: "/") {
            name = name[..<slash]
            scopes.append(String(name))
        }
        var domain = reference.registry.prefix { $0 != ":" }
        while let dot = domain.firstIndex(of: ".") {
            domain = domain[domain.index(after: dot)...]
            scopes.append("*." + domain)
        }
        return scopes
    }

    /// What holds on a device without a policy file.
    static func open(path: String) -> ImagePolicy {
        ImagePolicy(
            path: path, fingerprint: ContentHasher.digest(of: []), defaults: [.accept], scopes: [:])
    }
}

/// An image must be signed by one of these keys.
struct SignatureRequirement: Sendable {
    let keys: [TrustedKey]
    /// Nil compares the digest only, as cosign does.
    let identity: SignedIdentity?
}

/// Which name the signed payload must have been made for.
enum SignedIdentity: Sendable, Hashable {
    /// The same registry and repository; the tag does not matter.
    case matchRepository
    /// The same registry, repository and tag.
    case matchExact
    /// This very name.
    case exactReference(ImageReference)
    /// This repository, under any tag.
    case exactRepository(ImageReference)
    /// ``matchRepository`` after the prefix of the image's name was replaced: for mirrors.
    case remap(prefix: String, signedPrefix: String)

    func accepts(signed text: String, for reference: ImageReference?) -> Bool {
        guard let signed = try? ImageReference(parsing: text) else { return false }
        switch self {
        case .matchRepository: return signed.name == reference?.name
        case .matchExact:
            // A digest in the image's name says more than any tag; a signed name without a tag is not `latest`.
            guard let reference else { return false }
            if reference.digest != nil { return signed.name == reference.name }
            return signed == reference && text.hasSuffix(":" + signed.locator)
        case .exactReference(let wanted): return signed == wanted
        case .exactRepository(let wanted): return signed.name == wanted.name
        case .remap(let prefix, let signedPrefix):
            guard let name = reference?.name else { return false }
            guard name == prefix || name.hasPrefix(prefix + "/") else { return signed.name == name }
            return signed.name == signedPrefix + name.dropFirst(prefix.count)
        }
    }
}

extension ImageReference {
    /// The name with its digest and without its tag.
    fileprivate var pinnedDescription: String { digest.map { pinned(to: $0).description } ?? description }
}
