import HTTPServing
import Linux
import Logging
import NIOCore
import Resources
import Streams

/// One exec or attach: a client on one side, a process on the other, and little between them.
///
/// Each direction waits for its receiver, so that a slow client holds the process back and a slow process the client. When the
/// client is gone its streams are closed, which ends the process or not, as on a hung-up line; when the process has ended,
/// its output goes out whole before the client is told how.
struct CommandSession: Sendable {
    static let setUpTime = Duration.seconds(30)
    /// For a client to leave by itself once everything is said. Closing at once could cost it the last words.
    static let leavingTime = Duration.seconds(5)

    let options: PodStreamOptions
    /// For messages.
    let command: String
    let logger: Logger
    let start: @Sendable () async throws -> PodProcess

    func run(_ reader: consuming some CommandReader, _ stream: ByteStream) async {
        var reader = reader
        guard let writer = await begin(&reader, stream) else { return }
        do {
            let process = try await ProcessEnds.open(start(), options)
            await relay(&reader, writer, process, stream)
            await process.close()
        } catch {
            logger.debug("no process for a session", metadata: ["error": "\(error)"])
            await leave(&reader, stream) { try await writer.end(.failed("\(error)")) }
        }
    }

    private func begin<Reader: CommandReader>(_ reader: inout Reader, _ stream: ByteStream) async -> Reader.Writer? {
        await withTaskGroup(of: Void.self) { group in
            group.addTask {
                if (try? await Task.sleep(for: Self.setUpTime)) != nil { await stream.close() }
            }
            defer { group.cancelAll() }
            return (try? await reader.begin()) ?? nil
        }
    }

    /// The client's input is read in this task; everything else happens in others, which end it by closing the connection.
    private func relay<Reader: CommandReader>(
        _ reader: inout Reader, _ writer: Reader.Writer, _ process: ProcessEnds, _ stream: ByteStream
    ) async {
        await withTaskGroup(of: Void.self) { group in
            group.addTask {
                await report(writer, process)
                await process.closeInput()
                if (try? await Task.sleep(for: Self.leavingTime)) != nil { await stream.close() }
            }
            do {
                while let input = try await reader.next() { await process.take(input) }
            } catch {
                try? await writer.refuse(error)
            }
            group.cancelAll()
        }
    }

    /// Sends the output, and then how the process ended.
    private func report(_ writer: some CommandWriter, _ process: ProcessEnds) async {
        await withTaskGroup(of: Void.self) { group in
            for (output, source) in [(CommandOutput.stdout, process.stdout), (.stderr, process.stderr)] {
                guard let source else { continue }
                // A terminal is read in any case: its programs must not wait.
                let isWanted = output == .stderr || options.stdout
                group.addTask {
                    // A failed write is a client that is gone, which its reader notices, too.
                    do {
                        for await piece in source.inbound where isWanted { try await writer.write(piece, to: output) }
                    } catch {
                        await source.close()
                    }
                }
            }
        }
        guard !Task.isCancelled, let report = await end(of: process, writer) else { return }
        try? await writer.end(report)
    }

    private func end(of process: ProcessEnds, _ writer: some CommandWriter) async -> CommandReport? {
        do {
            switch try await process.end() {
            case .exited(0): return .success
            case .exited(let code): return .exited(code, command: command)
            case .notRun(let code, let why):
                // Where the shell would write it.
                let output: CommandOutput = options.stderr ? .stderr : .stdout
                if options.stderr || options.stdout {
                    try await writer.write(ByteBuffer(string: "\(why)\(options.tty ? "\r\n" : "\n")"), to: output)
                }
                return .exited(code, command: command)
            }
        } catch is CancellationError {
            return nil
        } catch {
            return .failed("error executing command in container: \(error)")
        }
    }

    /// Says the last word, and waits for the client to leave.
    private func leave<Reader: CommandReader>(
        _ reader: inout Reader, _ stream: ByteStream, _ say: @escaping @Sendable () async throws -> Void
    ) async {
        await withTaskGroup(of: Void.self) { group in
            group.addTask {
                try? await say()
                if (try? await Task.sleep(for: Self.leavingTime)) != nil { await stream.close() }
            }
            while (try? await reader.next()) != nil {}
            group.cancelAll()
        }
    }
}
