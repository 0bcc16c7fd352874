internal import Linux
internal import NIOHTTP1

/// The wait that a server asks for (RFC 9110, section 10.2.3).
enum RetryAfter {
    /// A date counts from the server's own: this device's clock may be wrong. Nil when nothing usable is said.
    static func delay(_ headers: HTTPHeaders) -> Duration? {
        guard let text = headers.first(name: "Retry-After") else { return nil }
        if let seconds = Int64(text), seconds >= 0 { return .seconds(min(seconds, 86_400)) }
        guard let until = seconds(httpDate: text), let now = headers.first(name: "Date").flatMap(seconds(httpDate:))
        else {
            return nil
        }
        return .seconds(min(max(until - now, 0), 86_400))
    }

    /// `Sun, 06 Nov 1994 08:49:37 GMT` in seconds since 1970.
    private static func seconds(httpDate text: String) -> Int64? {
        let words = text.split(separator: " ")
        let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
        guard words.count == 6, words[5] == "GMT", let day = Int32(words[1]),
            let month = months.firstIndex(of: String(words[2])), let year = Int32(words[3])
        else { return nil }
        let clock = words[4].split(separator: ":").compactMap { Int32($0) }
        guard clock.count == 3 else { return nil }
        var parts = tm()
        (parts.tm_mday, parts.tm_mon, parts.tm_year) = (day, Int32(month), year - 1900)
        (parts.tm_hour, parts.tm_min, parts.tm_sec) = (clock[0], clock[1], clock[2])
        return Int64(timegm(&parts))
    }
}
