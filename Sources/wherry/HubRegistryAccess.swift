import DeviceLink
import Images

/// How a device gets into the registry of its hub: by the certificate of its enrolment, trusting the fleet's authority.
enum HubRegistryAccess {
    /// The configuration with an entry for the hub's address, unless it has one already.
    static func adding(to configuration: RegistryConfiguration, dataDirectory: String) -> RegistryConfiguration {
        // A damaged identity is the device link's to report; images of other registries have nothing to do with it.
        guard DeviceIdentity.isPresent(in: dataDirectory), let identity = try? DeviceIdentity.load(from: dataDirectory),
            let hub = identity.hub, configuration.access[hub] == nil
        else { return configuration }
        var access = RegistryConfiguration.Access()
        access.trust.authorityFile = identity.credentials.authority
        access.trust.certificateFile = identity.credentials.certificate
        access.trust.keyFile = identity.credentials.key
        var result = configuration
        result.access[hub] = access
        return result
    }
}
