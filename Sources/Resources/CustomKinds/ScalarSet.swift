/// The characters that one place of a pattern takes.
struct ScalarSet: Sendable {
    private enum Item: Sendable {
        case range(ClosedRange<UInt32>)
        case set(ScalarSet)
        /// A general category of Unicode, by its name or the first letter of it.
        case category(String)
    }

    private var items: [Item] = []
    private var isNegated = false
    private var foldsCase = false

    static let digit = ScalarSet("0"..."9")
    static let word = ScalarSet("0"..."9", "A"..."Z", "a"..."z", "_"..."_")
    static let space = ScalarSet("\t"..."\n", "\u{0C}"..."\r", " "..." ")
    static let any = ScalarSet().negated
    static let anyButNewline = ScalarSet("\n"..."\n").negated

    init(_ ranges: ClosedRange<Unicode.Scalar>...) {
        items = ranges.map { .range($0.lowerBound.value...$0.upperBound.value) }
    }

    init(_ scalar: Unicode.Scalar) { self.init(scalar...scalar) }

    /// nil for a name that is no category.
    init?(category name: String) {
        let names: Set<String> = [
            "L", "Lu", "Ll", "Lt", "Lm", "Lo", "M", "Mn", "Mc", "Me", "N", "Nd", "Nl", "No", "P", "Pc", "Pd", "Ps",
            "Pe",
            "Pi", "Pf", "Po", "S", "Sm", "Sc", "Sk", "So", "Z", "Zs", "Zl", "Zp", "C", "Cc", "Cf",
        ]
        guard names.contains(name) else { return nil }
        items = [.category(name)]
    }

    /// The sets of `[[:NAME:]]`.
    static let posix: [String: ScalarSet] = [
        "alnum": ScalarSet("0"..."9", "A"..."Z", "a"..."z"), "alpha": ScalarSet("A"..."Z", "a"..."z"),
        "ascii": ScalarSet("\0"..."\u{7F}"), "blank": ScalarSet("\t"..."\t", " "..." "),
        "cntrl": ScalarSet("\0"..."\u{1F}", "\u{7F}"..."\u{7F}"), "digit": digit, "graph": ScalarSet("!"..."~"),
        "lower": ScalarSet("a"..."z"), "print": ScalarSet(" "..."~"),
        "punct": ScalarSet("!"..."/", ":"..."@", "["..."`", "{"..."~"), "space": ScalarSet("\t"..."\r", " "..." "),
        "upper": ScalarSet("A"..."Z"), "word": word, "xdigit": ScalarSet("0"..."9", "A"..."F", "a"..."f"),
    ]

    /// What it costs to look a character up, in steps of a match.
    var weight: Int { 1 + items.count / 4 }

    var negated: ScalarSet {
        var set = self
        set.isNegated.toggle()
        return set
    }

    var foldingCase: ScalarSet {
        var set = self
        set.foldsCase = true
        return set
    }

    mutating func add(_ range: ClosedRange<Unicode.Scalar>) {
        items.append(.range(range.lowerBound.value...range.upperBound.value))
    }

    mutating func add(_ set: ScalarSet) { items.append(.set(set)) }

    func contains(_ scalar: Unicode.Scalar) -> Bool {
        var isIn = holds(scalar)
        if !isIn, foldsCase {
            let mappings = [scalar.properties.lowercaseMapping, scalar.properties.uppercaseMapping]
            isIn = mappings.contains { text in
                text.unicodeScalars.count == 1 && text.unicodeScalars.first.map(holds) == true
            }
        }
        return isIn != isNegated
    }

    private func holds(_ scalar: Unicode.Scalar) -> Bool {
        items.contains { item in
            switch item {
            case .range(let range): range.contains(scalar.value)
            case .set(let set): set.contains(scalar)
            case .category(let name): Self.category(of: scalar).hasPrefix(name)
            }
        }
    }

    private static func category(of scalar: Unicode.Scalar) -> String {
        switch scalar.properties.generalCategory {
        case .uppercaseLetter: "Lu"
        case .lowercaseLetter: "Ll"
        case .titlecaseLetter: "Lt"
        case .modifierLetter: "Lm"
        case .otherLetter: "Lo"
        case .nonspacingMark: "Mn"
        case .spacingMark: "Mc"
        case .enclosingMark: "Me"
        case .decimalNumber: "Nd"
        case .letterNumber: "Nl"
        case .otherNumber: "No"
        case .connectorPunctuation: "Pc"
        case .dashPunctuation: "Pd"
        case .openPunctuation: "Ps"
        case .closePunctuation: "Pe"
        case .initialPunctuation: "Pi"
        case .finalPunctuation: "Pf"
        case .otherPunctuation: "Po"
        case .mathSymbol: "Sm"
        case .currencySymbol: "Sc"
        case .modifierSymbol: "Sk"
        case .otherSymbol: "So"
        case .spaceSeparator: "Zs"
        case .lineSeparator: "Zl"
        case .paragraphSeparator: "Zp"
        case .control: "Cc"
        case .format: "Cf"
        default: "C"
        }
    }
}
