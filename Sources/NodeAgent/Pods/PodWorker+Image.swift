public import Images
public import JSON
import Linux
import Logging
import OCI
import ResourceStore
import Resources

extension PodWorker {
    /// Sees to it that a container's image is here.
    ///
    /// An image that is present never needs the network: with `Always`, a pod that ran before takes what is here, and
    /// a new one asks the registry but starts with what is here when that can't be reached.
    func ensureImage(_ name: String) async -> ContainerEvent {
        guard let container = specification(of: name), let text = container.image else {
            return .imageFailed(reason: "InvalidImageName", message: "the container has no image")
        }
        let policy = ContainerPlan(container).pullPolicy
        do {
            var present = try await image(of: container)
            if let found = present {
                switch await makeSound(found, name, text) {
                case .sound: break
                case .gone: present = try await image(of: container)
                case .damaged(let message): return .imageFailed(reason: "ErrImagePull", message: message)
                }
            }
            let refusal = await refusal(of: present, text)
            // A pull may fetch the signature that is missing here.
            if refusal != nil { present = nil }
            if let present, policy != .always || hasRunBefore || (attempt(of: name) ?? 0) > 0 {
                return use(present, name, text)
            }
            guard policy != .never else {
                if let refusal { return .imageFailed(reason: Self.reason(refusal), message: "\(refusal)") }
                return .imageFailed(
                    reason: "ErrImageNeverPull",
                    message: "Container image \"\(text)\" is not present with pull policy of Never")
            }
            return await pull(text, container: name, present: present, refused: refusal)
        } catch {
            return .imageFailed(reason: "ErrImagePull", message: "\(error)")
        }
    }

    private enum Soundness {
        case sound
        /// Removed since it was looked up.
        case gone
        case damaged(String)
    }

    /// An image of which something is damaged is never started; it is repaired first, or the pod waits.
    private func makeSound(_ image: Image, _ name: String, _ text: String) async -> Soundness {
        do {
            try await context.images.prepareToStart(image.id, isSuspect: keepsFailing(name))
            return .sound
        } catch {
            resolvedImages[text] = nil
            if error.code == .notFound { return .gone }
            guard error.code == .damaged else { return .damaged("\(error)") }
            note(.warning("ImageDamaged", "\(error)", container: name))
        }
        do {
            try await context.images.repair(image.id) { try? await self.credentials(for: $0) }
            try await context.images.prepareToStart(image.id)
            note(.normal("ImageRepaired", "Image \"\(text)\" was repaired", container: name))
            return .sound
        } catch {
            return .damaged("\(error)")
        }
    }

    func image(of container: Container) async throws -> Image? {
        let text = container.image ?? ""
        if let known = resolvedImages[text] { return known }
        guard let found = try await context.images.find(text) else { return nil }
        resolvedImages[text] = found
        return found
    }

    /// Why the device's image policy does not let this image run; nil when it does.
    private func refusal(of image: Image?, _ text: String) async -> ImageError? {
        guard let image else { return nil }
        do {
            try await context.images.authorize(image, as: text)
            return nil
        } catch {
            return error
        }
    }

    /// As kubelet names them; what the policy forbids altogether it has no word for.
    private static func reason(_ error: any Error) -> String {
        switch (error as? ImageError)?.code {
        case .signatureMissing, .signatureInvalid, .keyExpired: "SignatureValidationFailed"
        case .policyRejected, .policyBroken: "ImagePolicyRejected"
        default: "ErrImagePull"
        }
    }

    private func use(_ image: Image, _ name: String, _ text: String) -> ContainerEvent {
        if (attempt(of: name) ?? 0) == 0 {
            note(.normal("Pulled", "Container image \"\(text)\" already present on machine", container: name))
        }
        return .imageReady
    }

    /// - Parameter refused: Why the image that is here may not run.
    private func pull(
        _ text: String, container name: String, present: Image?, refused: ImageError?
    ) async -> ContainerEvent {
        let reference: ImageReference
        do {
            reference = try ImageReference(parsing: text)
        } catch {
            return .imageFailed(
                reason: "InvalidImageName",
                message: "Failed to apply default image tag \"\(text)\": couldn't parse image name: \(error)")
        }
        note(.normal("Pulling", "Pulling image \"\(text)\"", container: name))
        let start = context.clock.now()
        do {
            let image = try await limitedPull(reference, container: name, mayTakeLong: present == nil)
            resolvedImages[text] = image
            let took = context.clock.now() - start
            let seconds = Double(took.components.seconds) + Double(took.components.attoseconds) / 1e18
            let rounded = (seconds * 1000).rounded() / 1000
            note(
                .normal(
                    "Pulled", "Successfully pulled image \"\(text)\" in \(rounded)s. Image size: \(image.size) bytes.",
                    container: name))
            return .imageReady
        } catch {
            guard present == nil else {
                note(
                    .warning(
                        "Failed", "Failed to pull image \"\(text)\": \(error); using the one present on this machine",
                        container: name))
                return .imageReady
            }
            note(.warning("Failed", "Failed to pull image \"\(text)\": \(error)", container: name))
            let reason = Self.reason(error)
            guard let refused, reason == "ErrImagePull" else {
                return .imageFailed(reason: reason, message: "\(error)")
            }
            return .imageFailed(reason: Self.reason(refused), message: "\(refused); pulling it anew failed: \(error)")
        }
    }

    /// When the image is here already, an unreachable registry may hold the start up only for a moment.
    private func limitedPull(
        _ reference: ImageReference, container name: String, mayTakeLong: Bool
    ) async throws -> Image {
        let images = context.images
        let credentials = try await credentials(for: reference)
        if mayTakeLong { return try await patientPull(reference, credentials, container: name) }
        let clock = context.clock
        return try await withThrowingTaskGroup { group in
            group.addTask { try await images.pull(reference, credentials: credentials) }
            group.addTask {
                try await clock.sleep(.seconds(10))
                throw HandlerError("the registry didn't answer within 10s")
            }
            defer { group.cancelAll() }
            guard let image = try await group.next() else { throw CancellationError() }
            return image
        }
    }

    /// Pulls for as long as it takes, and tells once why it waits: the link's byte budget may be used up.
    private func patientPull(
        _ reference: ImageReference, _ credentials: RegistryCredentials?, container name: String
    ) async throws -> Image {
        let (reasons, signal) = AsyncStream.makeStream(of: String.self, bufferingPolicy: .bufferingNewest(1))
        async let pulled = Self.pull(context.images, reference, credentials, reasonsTo: signal)
        var isTold = false
        for await reason in reasons where !isTold {
            isTold = true
            note(.normal("PullWaiting", "Image \"\(reference.familiar)\" waits: \(reason)", container: name))
        }
        return try await pulled
    }

    private static func pull(
        _ images: ImageStore, _ reference: ImageReference, _ credentials: RegistryCredentials?,
        reasonsTo signal: AsyncStream<String>.Continuation
    ) async throws -> Image {
        defer { signal.finish() }
        return try await images.pull(reference, credentials: credentials) { step in
            if let reason = step.detail { signal.yield(reason) }
        }
    }

    /// Keeps the image from being removed while the pod needs it; the pod's restart must not need a registry.
    func pinImage(of name: String) async {
        guard let image = specification(of: name).flatMap({ resolvedImages[$0.image ?? ""] }),
            !pinnedImages.contains(image.id)
        else { return }
        do {
            try await context.images.pin(image.id, owner: ImagePin.owner(uid))
            pinnedImages.insert(image.id)
        } catch {
            context.logger.warning("image can't be pinned", metadata: ["pod": "\(key)", "error": "\(error)"])
        }
    }

    /// From the pod's `imagePullSecrets` (`kubernetes.io/dockerconfigjson`).
    private func credentials(for reference: ImageReference) async throws -> RegistryCredentials? {
        for secret in pod.spec.imagePullSecrets ?? [] {
            let key = ResourceKey(type: .secret, namespace: key.namespace, name: secret.name ?? "")
            guard let resource = try await context.store.find(key) else { continue }
            let values = ConfigurationSnapshot.values(of: resource.value, kind: .secret)
            guard let bytes = values[".dockerconfigjson"], let document = try? JSONValue(parsing: bytes) else {
                continue
            }
            if let found = DockerConfiguration.credentials(document, registry: reference.registry) { return found }
        }
        return nil
    }
}

/// Who holds an image in the image store.
enum ImagePin {
    static func owner(_ podUID: String) -> String { "pod/" + podUID }
}

/// Docker's `config.json`.
public enum DockerConfiguration {
    /// The login for a registry, `docker.io` under any of its names; nil when there is none.
    public static func credentials(_ document: JSONValue, registry: String) -> RegistryCredentials? {
        for (server, entry) in document["auths"]?.objectValue ?? [:] where host(server) == alias(registry) {
            if let user = entry["username"]?.stringValue, let password = entry["password"]?.stringValue {
                return RegistryCredentials(username: user, password: password)
            }
            guard let bytes = entry["auth"]?.stringValue.flatMap(Base64.decode) else { continue }
            let parts = String(decoding: bytes, as: UTF8.self).split(separator: ":", maxSplits: 1).map(String.init)
            if parts.count == 2 { return RegistryCredentials(username: parts[0], password: parts[1]) }
        }
        return nil
    }

    private static func host(_ server: String) -> String {
        var text = Substring(server)
        for scheme in ["https://", "http://"] where text.hasPrefix(scheme) { text = text.dropFirst(scheme.count) }
        return alias(String(text.prefix { $0 != "/" }))
    }

    private static func alias(_ host: String) -> String {
        ["index.docker.io", "registry-1.docker.io"].contains(host) ? "docker.io" : host
    }
}
