import ContainerRuntime
import Linux

/// `wherry runtime [--root DIR] run --bundle DIR ID`: one container from an OCI bundle, in the foreground.
///
/// It is taken before the argument parser and anything concurrent, since an OCI runtime is judged by its start-up. The
/// whole command line of a runtime comes with the runtime issue; until then only `run` is here.
enum RuntimeCommandLine {
    static func runIfRequested(_ arguments: [String]) -> Int32? {
        guard arguments.count >= 2, arguments[1] == "runtime" else { return nil }
        var rest = arguments.dropFirst(2)
        var root = "/run/wherry/runtime"
        var bundle = "."
        var words: [String] = []
        while let word = rest.popFirst() {
            switch word {
            case "--root", "--bundle", "-b":
                guard let value = rest.popFirst() else { return usage("\(word) needs a directory") }
                if word == "--root" { root = value } else { bundle = value }
            case _ where word.hasPrefix("-"):
                return usage("unknown option \(word)")
            default:
                words.append(word)
            }
        }
        guard words.count == 2, words[0] == "run" else { return usage("give a container's name") }
        do {
            try SelfExecutable.enter(arguments: arguments)
            return try run(words[1], bundle: try DaemonDirectories.absolute(bundle), root: root)
        } catch {
            Wherry.write(toStandardError: "wherry: \(error)")
            return 1
        }
    }

    private static func usage(_ reason: String) -> Int32 {
        Wherry.write(toStandardError: "wherry: \(reason)\nUsage: wherry runtime [--root DIR] run [--bundle DIR] ID")
        return 2
    }

    private static func run(_ id: String, bundle: String, root: String) throws -> Int32 {
        let runtime = Runtime(root: root, executable: try SelfExecutable.open())
        let exit = try runtime.run(id: id, bundle: Bundle(path: bundle))
        return exit.code
    }
}
