import HTTPServing
import HTTPTypes
import Hummingbird
import JSON
import Linux
import NIOCore
import ResourceStore
import Resources
import Synchronization

extension KubernetesRoutes {
    /// A watch ends by itself after this time when the client sets none; clients then watch again.
    private static let watchDuration = Duration.seconds(45 * 60)
    private static let bookmarkInterval = Duration.seconds(60)

    func watch(_ request: CollectionRequest) async throws -> Response {
        try await watch(
            request.request, request.query, namespace: request.namespace,
            selection: request.query.selection(of: request.form), rendering: rendering(request))
    }

    func watch(_ request: ObjectRequest) async throws -> Response {
        try await watch(
            request.request, request.query, namespace: request.key.namespace,
            selection: request.query.selection(of: request.form, name: request.key.name),
            rendering: rendering(request))
    }

    private func watch(
        _ request: Request, _ query: QueryParameters, namespace: String?, selection: Selection,
        rendering: ObjectRendering
    ) async throws -> Response {
        let timeout = try query.integer("timeoutSeconds").map { Duration.seconds(max(1, $0)) } ?? Self.watchDuration
        let bookmarks = try query.flag("allowWatchBookmarks")
        let sendInitial = try query.flag("sendInitialEvents")
        let since = query.text("resourceVersion") ?? "0"
        let place = try watches.take()
        let stream: WatchStream
        do {
            stream = try await store.watch(
                [rendering.form.stored], namespace: namespace, since: sendInitial ? "0" : since)
        } catch let error as StatusError where error.reason == .expired {
            // As kube-apiserver: the stream begins, and its only event is the error.
            return .bytes(WatchLine.error(error), contentType: "application/json")
        }
        if sendInitial { stream.requestBookmark() }
        let lines = WatchLines(selection: selection, rendering: rendering, marksInitialEnd: sendInitial)
        return Response(
            status: .ok, headers: [.contentType: "application/json"],
            body: .stream(for: request) { writer in
                await Self.run(stream, lines, writer, timeout: timeout, bookmarks: bookmarks)
                withExtendedLifetime(place) {}
            })
    }

    private static func run(
        _ stream: WatchStream, _ lines: WatchLines, _ writer: StreamWriter, timeout: Duration, bookmarks: Bool
    ) async {
        await withTaskGroup(of: Void.self) { group in
            group.addTask {
                var lines = lines
                do {
                    for try await event in stream {
                        if let line = lines.line(for: event, now: WallClock.now().seconds) {
                            try await writer.write(line)
                        }
                    }
                } catch let error as StatusError {
                    try? await writer.write(WatchLine.error(error))
                } catch {
                    // The client is gone.
                }
            }
            group.addTask { try? await Task.sleep(for: timeout, tolerance: .seconds(1)) }
            if bookmarks {
                group.addTask {
                    while (try? await Task.sleep(for: bookmarkInterval, tolerance: .seconds(15))) != nil {
                        stream.requestBookmark()
                    }
                }
            }
            await group.next()
            stream.finish()
            group.cancelAll()
        }
    }
}

/// How many watches run at once: a client that opens more and more of them, and forgets them, leaves the others room.
final class WatchLimit: Sendable {
    private let limit: Int
    private let running = Mutex(0)

    init(_ limit: Int = 512) {
        self.limit = limit
    }

    /// A watch runs as long as its place lives.
    final class Place: Sendable {
        private let owner: WatchLimit

        fileprivate init(_ owner: WatchLimit) {
            self.owner = owner
        }

        deinit { owner.running.withLock { $0 -= 1 } }
    }

    /// - Throws: 429.
    func take() throws(StatusError) -> Place {
        let isTaken = running.withLock { running in
            guard running < limit else { return false }
            running += 1
            return true
        }
        guard isTaken else {
            throw .tooManyRequests(
                "\(limit) watches are open already, and no more are served at once; close some, or try again later",
                retryAfterSeconds: 5)
        }
        return Place(self)
    }
}

/// One line of a watch answer.
enum WatchLine {
    static func event(_ type: String, _ object: JSONValue) -> [UInt8] {
        let line: JSONValue = ["type": .string(type), "object": object]
        return line.serialized() + [0x0A]
    }

    static func error(_ error: StatusError) -> [UInt8] { event("ERROR", error.status) }
}

/// Turns changes into lines, as a watcher with a selection sees them.
struct WatchLines: Sendable {
    let selection: Selection
    let rendering: ObjectRendering
    /// Whether the first bookmark ends the initial events (`sendInitialEvents`).
    var marksInitialEnd: Bool
    private var headerSent = false

    init(selection: Selection, rendering: ObjectRendering, marksInitialEnd: Bool) {
        self.selection = selection
        self.rendering = rendering
        self.marksInitialEnd = marksInitialEnd
    }

    /// nil for a change that the watcher does not see.
    mutating func line(for event: WatchEvent, now: Int64) -> [UInt8]? {
        guard let (kind, resource) = seen(event) else { return nil }
        return WatchLine.event(kind, object(resource, event, now))
    }

    /// An object that leaves the selection looks deleted, one that enters it looks new.
    private func seen(_ event: WatchEvent) -> (String, Resource)? {
        switch event.kind {
        case .bookmark:
            return ("BOOKMARK", event.resource)
        case .deleted:
            return selection.matches(event.previous ?? event.resource) ? ("DELETED", event.resource) : nil
        case .added, .modified:
            let wasSeen = event.kind == .modified && (event.previous.map(selection.matches) ?? false)
            if selection.matches(event.resource) { return (wasSeen ? "MODIFIED" : "ADDED", event.resource) }
            return wasSeen ? ("DELETED", event.resource) : nil
        }
    }

    private mutating func object(_ resource: Resource, _ event: WatchEvent, _ now: Int64) -> JSONValue {
        var resource = resource
        if event.kind == .bookmark, marksInitialEnd {
            marksInitialEnd = false
            resource.annotations["k8s.io/initial-events-end"] = "true"
        }
        guard case .table(let version) = rendering.shape else { return rendering.value(resource) }
        defer { headerSent = true }
        return rendering.at(now).table(
            [resource], version: version, resourceVersion: event.resourceVersion, header: !headerSent)
    }
}
