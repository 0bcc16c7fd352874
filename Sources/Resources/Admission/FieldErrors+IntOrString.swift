extension FieldErrors {
    /// A number that is not negative, or a percentage; or unset.
    mutating func intOrPercent(_ field: String, _ value: IntOrString?) {
        switch value {
        case .int(let number)?: notNegative(field, number)
        case .string(let text)?:
            if value?.percentage == nil {
                invalid(
                    field, text,
                    "a valid percent string must be a numeric string followed by an ending '%' (e.g. '1%',  or '93%', regex used for validation is '[0-9]+%')"
                )
            }
        case nil: break
        }
    }

    /// A percentage of a whole.
    mutating func notBeyondWhole(_ field: String, _ value: IntOrString?) {
        if let percentage = value?.percentage, percentage > 100 {
            invalid(field, "\(percentage)%", "must not be greater than 100%")
        }
    }
}
