/// Where a value stands in an object. It is made at every member, so that its text is written only for one that is at fault.
indirect enum FieldTrail {
    case root
    case below(FieldTrail, name: String)
    case element(FieldTrail, index: Int)

    func member(_ name: String) -> FieldTrail { .below(self, name: name) }

    subscript(index: Int) -> FieldTrail { .element(self, index: index) }

    /// A client may choose names of megabytes: nobody reads these to their end.
    private static let lengthLimit = 1_024

    /// As `spec.jobs[0].cmd`; empty for the whole object.
    var text: String {
        var steps: [FieldTrail] = []
        var place = self
        while let outer = place.outer {
            steps.append(place)
            place = outer
        }
        var text = ""
        for step in steps.reversed() {
            switch step {
            case .root: break
            case .below(_, let name):
                if !text.isEmpty { text += "." }
                text += name.utf8.count > Self.lengthLimit ? "\(name.prefix(Self.lengthLimit))…" : name
            case .element(_, let index): text += "[\(index)]"
            }
            if text.utf8.count > Self.lengthLimit { return text + "…" }
        }
        return text
    }

    private var outer: FieldTrail? {
        switch self {
        case .root: nil
        case .below(let outer, _), .element(let outer, _): outer
        }
    }
}
