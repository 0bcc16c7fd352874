/// Columns as kubectl and docker print them: three spaces apart, no lines.
enum TextTable {
    static func print(_ rows: [[String]]) {
        var widths: [Int] = []
        for row in rows {
            for (column, cell) in row.enumerated() {
                if column == widths.count { widths.append(0) }
                widths[column] = max(widths[column], cell.count)
            }
        }
        for row in rows {
            let cells = row.enumerated().map { column, cell in
                column == row.count - 1 ? cell : cell + String(repeating: " ", count: widths[column] - cell.count)
            }
            Swift.print(cells.joined(separator: "   "))
        }
    }
}

/// Sizes for people: powers of a thousand, three digits.
enum ByteCount {
    static func text(_ bytes: Int) -> String {
        var value = Double(bytes)
        for unit in ["B", "kB", "MB", "GB"] {
            if value < 1000 || unit == "GB" {
                let rounded = value < 10 && unit != "B" ? (value * 10).rounded() / 10 : value.rounded()
                return rounded == rounded.rounded() ? "\(Int(rounded))\(unit)" : "\(rounded)\(unit)"
            }
            value /= 1000
        }
        return "\(bytes)B"
    }
}
