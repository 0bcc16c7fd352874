/// Numbers in messages, as Go's `%v` prints them: whole ones of seven digits and more with an exponent.
enum GoNumber {
    static func text(_ number: Double) -> String {
        guard let integer = Int64(exactly: number) else { return number.description }
        let text = String(integer)
        let digits = text.drop { $0 == "-" }
        guard digits.count > 6 else { return text }
        var rest = String(digits.dropFirst())
        while rest.hasSuffix("0") { rest.removeLast() }
        let mantissa = digits.prefix(1) + (rest.isEmpty ? "" : ".\(rest)")
        let exponent = digits.count - 1
        return "\(integer < 0 ? "-" : "")\(mantissa)e+\(exponent < 10 ? "0" : "")\(exponent)"
    }
}
