import JSON

extension Volume {
    private static let hostPathTypes = [
        "", "BlockDevice", "CharDevice", "Directory", "DirectoryOrCreate", "File", "FileOrCreate", "Socket",
    ]

    func validate(_ field: String, into errors: inout FieldErrors) {
        if name.isEmpty {
            errors.required("\(field).name")
        } else if let fault = NameRules.label(name) {
            errors.invalid("\(field).name", name, fault)
        }
        let sources = sourceNames
        if sources.isEmpty { errors.required(field, "must specify a volume type") }
        for source in sources.dropFirst() {
            errors.forbidden("\(field).\(source)", "may not specify more than 1 volume type")
        }
        if let hostPath { validate(hostPath, "\(field).hostPath", into: &errors) }
        if let emptyDir { validate(emptyDir, "\(field).emptyDir", into: &errors) }
        if let configMap {
            let here = "\(field).configMap"
            if configMap.name?.isEmpty ?? true { errors.required("\(here).name") }
            Self.validate(mode: configMap.defaultMode, "\(here).defaultMode", into: &errors)
            Self.validate(configMap.items, "\(here).items", into: &errors)
        }
        if let secret {
            let here = "\(field).secret"
            if secret.secretName?.isEmpty ?? true { errors.required("\(here).secretName") }
            Self.validate(mode: secret.defaultMode, "\(here).defaultMode", into: &errors)
            Self.validate(secret.items, "\(here).items", into: &errors)
        }
        if let downwardAPI { validate(downwardAPI, "\(field).downwardAPI", into: &errors) }
        for (index, source) in (projected?["sources"]?.arrayValue ?? []).enumerated() {
            guard let token = source["serviceAccountToken"], token.objectValue != nil else { continue }
            Self.validate(token: token, "\(field).projected.sources[\(index)].serviceAccountToken", into: &errors)
        }
    }

    private static func validate(token: JSONValue, _ field: String, into errors: inout FieldErrors) {
        if let seconds = token["expirationSeconds"]?.intValue {
            if seconds < 600 {
                errors.invalid("\(field).expirationSeconds", seconds, "may not specify a duration less than 10 minutes")
            } else if seconds > 1 << 32 {
                errors.invalid(
                    "\(field).expirationSeconds", seconds, "may not specify a duration larger than 2^32 seconds")
            }
        }
        validate(path: token.text("path"), "\(field).path", into: &errors)
    }

    private func validate(_ source: HostPathVolumeSource, _ field: String, into errors: inout FieldErrors) {
        if source.path.isEmpty {
            errors.required("\(field).path")
        } else if source.path.split(separator: "/").contains("..") {
            errors.invalid("\(field).path", source.path, "must not contain '..'")
        }
        errors.oneOf("\(field).type", source.type, Self.hostPathTypes)
    }

    private func validate(_ source: EmptyDirVolumeSource, _ field: String, into errors: inout FieldErrors) {
        if let limit = source.sizeLimit, limit.isNegative {
            errors.forbidden("\(field).sizeLimit", "SizeLimit field must be a valid resource quantity")
        }
        if let medium = source.medium, !medium.hasPrefix("HugePages") {
            errors.oneOf("\(field).medium", medium, ["", "Memory"])
        }
    }

    private func validate(_ source: DownwardAPIVolumeSource, _ field: String, into errors: inout FieldErrors) {
        Self.validate(mode: source.defaultMode, "\(field).defaultMode", into: &errors)
        for (index, item) in (source.items ?? []).enumerated() {
            let here = "\(field).items[\(index)]"
            Self.validate(path: item.path, "\(here).path", into: &errors)
            Self.validate(mode: item.mode, "\(here).mode", into: &errors)
            switch (item.fieldRef, item.resourceFieldRef) {
            case (nil, nil): errors.required(here, "one of fieldRef and resourceFieldRef is required")
            case (_?, _?): errors.invalid(here, "", "fieldRef and resourceFieldRef can not be specified simultaneously")
            default: break
            }
        }
    }

    private static func validate(_ items: [KeyToPath]?, _ field: String, into errors: inout FieldErrors) {
        for (index, item) in (items ?? []).enumerated() {
            let here = "\(field)[\(index)]"
            if item.key.isEmpty { errors.required("\(here).key") }
            validate(path: item.path, "\(here).path", into: &errors)
            validate(mode: item.mode, "\(here).mode", into: &errors)
        }
    }

    private static func validate(path: String, _ field: String, into errors: inout FieldErrors) {
        if path.isEmpty {
            errors.required(field)
        } else if let fault = NameRules.localPath(path) {
            errors.invalid(field, path, fault)
        } else if path.hasPrefix("..") {
            errors.invalid(field, path, "must not start with '..'")
        }
    }

    private static func validate(mode: Int?, _ field: String, into errors: inout FieldErrors) {
        if let mode, !(0...0o777).contains(mode) {
            errors.invalid(field, mode, "must be a number between 0 and 0777 (octal), both inclusive")
        }
    }
}
