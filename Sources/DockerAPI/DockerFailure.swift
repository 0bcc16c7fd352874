internal import ContainerEngine
internal import HTTPServing
internal import HTTPTypes
internal import Hummingbird
internal import Images
internal import JSON

/// An error as the Engine API says it.
struct DockerFailure: Error {
    let status: HTTPResponse.Status
    let message: String

    init(_ status: HTTPResponse.Status, _ message: String) {
        self.status = status
        self.message = message
    }

    init(_ error: ImageError) {
        let status: HTTPResponse.Status =
            switch error.code {
            case .notFound, .unknownImage: .notFound
            case .ambiguous, .invalidReference, .invalidImage, .invalidLayer, .unsupportedMediaType: .badRequest
            case .inUse, .conflict: .conflict
            case .policyRejected, .policyBroken, .signatureMissing, .signatureInvalid, .keyExpired: .forbidden
            default: .internalServerError
            }
        self.init(status, error.message)
    }

    init(_ error: EngineError) {
        let status: HTTPResponse.Status =
            switch error.code {
            case .notFound: .notFound
            case .invalidRequest: .badRequest
            case .notRunning: .conflict
            default: .internalServerError
            }
        self.init(status, error.description)
    }

    var response: Response { Response.json(["message": .string(message)], status: status) }
}
