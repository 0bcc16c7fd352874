import ContainerRuntime
import Linux
import NIOCore
import NIOPosix

// The order matters. A container's monitor and its init stages are this same file, started again under a hidden verb:
// they must leave here before any task, event loop or dispatch queue exists, so that they stay small and may fork.
Process.prepare()
let arguments = Program.arguments
if let status = RuntimeProcess.runIfRequested(arguments) {
    exit(status)
}
if let status = RuntimeCommandLine.runIfRequested(arguments) {
    exit(status)
}

// A gateway has few cores and little memory: one event loop and one thread for blocking calls are enough.
NIOSingletons.groupLoopCountSuggestion = 1
NIOSingletons.blockingPoolThreadCountSuggestion = 1

// Blocked before there is a second thread.
let stopSignals = StopSignals.process
// The one root task of the program. A synchronous main keeps the branch above free of the concurrency runtime. It is not the main
// actor's: the main thread waits for signals only.
let root = Task { @concurrent [arguments] in
    exit(await Wherry.run(arguments: Array(arguments.dropFirst())))
}
stopSignals.serve()
