/// Shell patterns with `*` and `?`, neither of which matches a slash.
enum Glob {
    static func matches(_ pattern: ArraySlice<UInt8>, _ text: ArraySlice<UInt8>) -> Bool {
        // Iterative with one point to return to: a later star makes every earlier one as good as fixed.
        var pattern = pattern, text = text
        var retry: (pattern: ArraySlice<UInt8>, text: ArraySlice<UInt8>)?
        while true {
            if pattern.first == UInt8(ascii: "*") {
                pattern = pattern.dropFirst()
                retry = (pattern, text)
            } else if let byte = text.first, let wanted = pattern.first,
                wanted == byte || (wanted == UInt8(ascii: "?") && byte != UInt8(ascii: "/"))
            {
                pattern = pattern.dropFirst()
                text = text.dropFirst()
            } else if pattern.isEmpty && text.isEmpty {
                return true
            } else if let last = retry, let byte = last.text.first, byte != UInt8(ascii: "/") {
                retry = (last.pattern, last.text.dropFirst())
                pattern = last.pattern
                text = last.text.dropFirst()
            } else {
                return false
            }
        }
    }
}
