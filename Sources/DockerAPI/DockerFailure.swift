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
            default: .internalServerError
            }
        self.init(status, error.message)
    }

    var response: Response { Response.json(["message": .string(message)], status: status) }
}
