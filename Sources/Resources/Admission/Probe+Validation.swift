import JSON

extension Probe {
    /// - Parameter mustSucceedOnce: For liveness and startup, where more than one success makes no sense.
    func validate(_ field: String, mustSucceedOnce: Bool, into errors: inout FieldErrors) {
        Handlers(exec: exec, httpGet: httpGet, tcpSocket: tcpSocket, grpc: grpc, sleep: nil)
            .validate(field, into: &errors)
        errors.notNegative("\(field).initialDelaySeconds", initialDelaySeconds)
        errors.notNegative("\(field).timeoutSeconds", timeoutSeconds)
        errors.notNegative("\(field).periodSeconds", periodSeconds)
        errors.notNegative("\(field).successThreshold", successThreshold)
        errors.notNegative("\(field).failureThreshold", failureThreshold)
        if let grace = terminationGracePeriodSeconds, grace <= 0 {
            errors.invalid("\(field).terminationGracePeriodSeconds", grace, "must be greater than 0")
        }
        if mustSucceedOnce, let threshold = successThreshold, threshold != 1 {
            errors.invalid("\(field).successThreshold", threshold, "must be 1")
        }
    }
}

extension LifecycleHandler {
    func validate(_ field: String, into errors: inout FieldErrors) {
        Handlers(exec: exec, httpGet: httpGet, tcpSocket: tcpSocket, grpc: nil, sleep: sleep)
            .validate(field, into: &errors)
    }
}

/// The ways to act on a container: exactly one must be given.
private struct Handlers {
    let exec: ExecAction?
    let httpGet: HTTPGetAction?
    let tcpSocket: TCPSocketAction?
    let grpc: GRPCAction?
    let sleep: SleepAction?

    func validate(_ field: String, into errors: inout FieldErrors) {
        let present = [
            exec == nil ? nil : "exec", httpGet == nil ? nil : "httpGet", tcpSocket == nil ? nil : "tcpSocket",
            grpc == nil ? nil : "grpc", sleep == nil ? nil : "sleep",
        ].compactMap { $0 }
        if present.isEmpty { errors.required(field, "must specify a handler type") }
        for name in present.dropFirst() {
            errors.forbidden("\(field).\(name)", "may not specify more than 1 handler type")
        }
        if let exec, exec.command?.isEmpty ?? true { errors.required("\(field).exec.command") }
        if let httpGet { validate(httpGet, "\(field).httpGet", into: &errors) }
        if let tcpSocket { validate(port: tcpSocket.port, "\(field).tcpSocket.port", into: &errors) }
        if let grpc { errors.port("\(field).grpc.port", grpc.port) }
        if let sleep { errors.notNegative("\(field).sleep.seconds", sleep.seconds) }
    }

    private func validate(_ action: HTTPGetAction, _ field: String, into errors: inout FieldErrors) {
        if action.path?.isEmpty ?? true { errors.required("\(field).path") }
        validate(port: action.port, "\(field).port", into: &errors)
        errors.oneOf("\(field).scheme", action.scheme, ["HTTP", "HTTPS"])
        for header in action.httpHeaders ?? [] {
            if !header.name.utf8.allSatisfy(Self.isTokenByte) || header.name.isEmpty {
                errors.invalid(
                    "\(field).httpHeaders", header.name,
                    "a valid HTTP header must consist of alphanumeric characters or '-' (e.g. 'X-Header-Name', regex used for validation is '[-A-Za-z0-9]+')"
                )
            }
            if header.value.utf8.contains(where: { $0 < 0x20 && $0 != 0x09 || $0 == 0x7F }) {
                errors.invalid("\(field).httpHeaders", header.value, "must not contain control characters")
            }
        }
    }

    private static func isTokenByte(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, UInt8(ascii: "-"), UInt8(ascii: "_"): true
        default: false
        }
    }

    private func validate(port: IntOrString, _ field: String, into errors: inout FieldErrors) {
        switch port {
        case .int(let number): errors.port(field, number)
        case .string(let name):
            if let fault = NameRules.portName(name) { errors.invalid(field, name, fault) }
        }
    }
}
