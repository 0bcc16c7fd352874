// The program that the runtime's tests give to Runtime: the hidden verbs and nothing else.
import ContainerRuntime
import Linux

exit(RuntimeProcess.runIfRequested(CommandLine.arguments) ?? 2)
