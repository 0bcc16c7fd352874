internal import HTTPServing
internal import HTTPTypes
internal import Hummingbird
internal import Images
internal import JSON

/// An error as the distribution specification says it.
struct DistributionFailure: Error {
    let code: String
    let status: HTTPResponse.Status
    let message: String

    init(_ code: String, _ status: Int, _ message: String) {
        self.code = code
        self.status = HTTPResponse.Status(code: status)
        self.message = message
    }

    /// Every code of the store with the specification's code and the status; what is missing here is an internal error.
    private static let table: [ImageError.Code: (code: String, status: Int)] = [
        .invalidName: ("NAME_INVALID", 400),
        .unknownRepository: ("NAME_UNKNOWN", 404),
        .invalidDigest: ("DIGEST_INVALID", 400),
        .unknownBlob: ("BLOB_UNKNOWN", 404),
        .unknownUpload: ("BLOB_UPLOAD_UNKNOWN", 404),
        .invalidUpload: ("BLOB_UPLOAD_INVALID", 400),
        .chunkOutOfOrder: ("BLOB_UPLOAD_INVALID", 416),
        .sizeMismatch: ("SIZE_INVALID", 400),
        .unknownManifest: ("MANIFEST_UNKNOWN", 404),
        .invalidManifest: ("MANIFEST_INVALID", 400),
        .manifestTooLarge: ("SIZE_INVALID", 413),
        .manifestBlobUnknown: ("MANIFEST_BLOB_UNKNOWN", 404),
        .unauthorized: ("UNAUTHORIZED", 401),
        .denied: ("DENIED", 403),
        .tooManyRequests: ("TOOMANYREQUESTS", 429),
        .unsupported: ("UNSUPPORTED", 405),
        .diskFull: ("UNKNOWN", 507),
        // Of an upstream.
        .registryUnreachable: ("UNKNOWN", 504),
        .registryFailure: ("UNKNOWN", 502),
        .digestMismatch: ("UNKNOWN", 502),
    ]

    init(_ error: ImageError) {
        let (code, status) = Self.table[error.code] ?? ("UNKNOWN", 500)
        self.init(code, status, error.message)
    }

    var response: Response {
        var response = Response.json(
            ["errors": [["code": .string(code), "message": .string(message), "detail": .null]]], status: status)
        if status.code == 429 { response.headers[.retryAfter] = "6" }
        return response
    }
}

extension HTTPField.Name {
    private static func named(_ name: String) -> HTTPField.Name {
        guard let name = HTTPField.Name(name) else { preconditionFailure("\(name) is a field name") }
        return name
    }

    static let dockerContentDigest = named("Docker-Content-Digest")
    static let dockerUploadID = named("Docker-Upload-UUID")
    static let distributionVersion = named("Docker-Distribution-Api-Version")
    static let ociSubject = named("OCI-Subject")
    static let ociFiltersApplied = named("OCI-Filters-Applied")
    static let link = named("Link")
}
