import HTTPServing
import Linux
import NIOCore
import Resources
import Synchronization

/// A process's streams while a client has them.
final class ProcessEnds: Sendable {
    /// Nil where the client wants none or the process has none.
    let stdout: ByteStream?
    let stderr: ByteStream?
    private let stdin: ByteStream?
    /// A descriptor of our own to set the terminal's size by: the streams' may be closed at any time. -1 for none.
    private let terminal: Mutex<Int32>
    private let isTerminal: Bool
    let end: @Sendable () async throws -> PodProcess.End

    private init(
        stdin: ByteStream?, stdout: ByteStream?, stderr: ByteStream?, terminal: Int32, _ process: PodProcess
    ) {
        self.stdin = stdin
        self.stdout = stdout
        self.stderr = stderr
        self.terminal = Mutex(terminal)
        isTerminal = process.streams.hasTerminal
        end = process.end
    }

    /// Takes the process's descriptors; after an error they are closed.
    static func open(_ process: PodProcess, _ options: PodStreamOptions) async throws -> ProcessEnds {
        var rest = process.streams
        var opened: [ByteStream] = []
        var terminal: Int32 = -1
        func take(
            _ member: WritableKeyPath<ProcessStreams, Int32?>, if isWanted: Bool,
            _ open: (Int32) async throws -> ByteStream
        ) async throws -> ByteStream? {
            guard let descriptor = rest[keyPath: member] else { return nil }
            rest[keyPath: member] = nil
            guard isWanted else {
                Linux.close(descriptor)
                return nil
            }
            let stream = try await open(descriptor)
            opened.append(stream)
            return stream
        }
        do {
            if rest.hasTerminal, let master = rest.input {
                terminal = wherry_fcntl_integer(master, F_DUPFD_CLOEXEC, 3)
                if rest.stdout == master {
                    rest.stdout = nil
                    let both = try await take(\.input, if: true, ByteStream.terminal)
                    return ProcessEnds(
                        stdin: options.stdin ? both : nil, stdout: both, stderr: nil, terminal: terminal, process)
                }
            }
            return ProcessEnds(
                stdin: try await take(\.input, if: options.stdin, ByteStream.writing),
                stdout: try await take(\.stdout, if: options.stdout, ByteStream.reading),
                stderr: try await take(\.stderr, if: options.stderr, ByteStream.reading), terminal: terminal, process)
        } catch {
            for stream in opened { await stream.close() }
            rest.close()
            if terminal >= 0 { Linux.close(terminal) }
            throw error
        }
    }

    /// Does what the client says. A process that reads no more is no error: what comes for it is dropped.
    func take(_ input: CommandInput) async {
        switch input {
        case .stdin(let bytes):
            guard let stdin else { return }
            do {
                try await stdin.write(bytes)
            } catch {
                if !isTerminal { await stdin.close() }
            }
        case .stdinEnd:
            // A terminal has no end; programs on it read the character for that (Ctrl-D).
            if !isTerminal { await stdin?.close() }
        case .resize(let rows, let columns):
            terminal.withLock { descriptor in
                guard descriptor >= 0 else { return }
                // It fails only when nobody has the terminal any more.
                try? ProcessStreams.resize(terminal: descriptor, rows: rows, columns: columns)
            }
        }
    }

    /// Ends a write that the process does not take.
    func closeInput() async { await stdin?.close() }

    func close() async {
        for stream in [stdin, stdout, stderr].compactMap(\.self) { await stream.close() }
        terminal.withLock { descriptor in
            if descriptor >= 0 { Linux.close(descriptor) }
            descriptor = -1
        }
    }
}
