public import Hummingbird
import NIOCore

extension ResponseBody {
    /// A chunked body of unknown length. When its producer fails, the connection breaks before the last chunk, so that the
    /// client does not take a part for the whole.
    ///
    /// - Parameter produce: writes until it returns; a write fails once the client is gone.
    public static func download(_ produce: @escaping @Sendable (StreamWriter) async throws -> Void) -> ResponseBody {
        ResponseBody { writer in
            let stream = StreamWriter(writer)
            try await produce(stream)
            try await stream.finish()
        }
    }
}
