internal import HTTPServing
internal import HTTPTypes
internal import Hummingbird
internal import NIOCore

extension Response {
    /// How much of a refused request's body is read past.
    private static let patience = 1 << 20

    /// The same answer, after which a client that goes on with its body is cut off: what is refused is not to be carried over the
    /// link, however long it is. Some of it is read past, so that a client that sends first and reads then sees the answer.
    ///
    /// Only for refusals that come before the body is touched. A small body is read past as a whole and the connection lives on.
    func refusing(_ request: RegistryRequest) -> Response {
        let isLong = request.length.map { $0 > Self.patience } ?? (request.request.headers[.transferEncoding] != nil)
        guard isLong else { return self }
        var response = self
        response.headers[.connection] = "close"
        let (answer, rest, channel) = (body, request.request.body, request.context.channel)
        response.body = ResponseBody(contentLength: answer.contentLength) { writer in
            try await answer.write(writer)
            var count = 0
            for try await chunk in rest {
                count += chunk.readableBytes
                if count > Self.patience { break }
            }
            // Until it is closed nobody reads: TLS takes some seconds for a peer that does not say good-bye.
            try? await channel.close().get()
        }
        return response
    }
}
