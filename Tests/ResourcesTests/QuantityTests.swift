import Resources
import Testing

@Suite struct QuantityTests {
    @Test(
        arguments: [
            ("0", "0", 0, 0), ("1", "1", 1, 1000), ("100m", "100m", 1, 100), ("0.1", "100m", 1, 100),
            ("0.5", "500m", 1, 500), ("1500m", "1500m", 2, 1500), ("1000m", "1", 1, 1000),
            ("64Mi", "64Mi", 67_108_864, 67_108_864_000),
            ("1Gi", "1Gi", 1_073_741_824, 1_073_741_824_000), ("1024Mi", "1Gi", 1_073_741_824, 1_073_741_824_000),
            ("1.5Gi", "1536Mi", 1_610_612_736, 1_610_612_736_000), ("1k", "1k", 1000, 1_000_000),
            ("1000", "1k", 1000, 1_000_000),
            ("1e3", "1e3", 1000, 1_000_000), ("1E", "1E", 1_000_000_000_000_000_000, Int64.max),
            ("-1", "-1", -1, -1000),
            ("1n", "1n", 1, 1), ("0.0000000001", "1n", 1, 1), (".5", "500m", 1, 500), ("5.", "5", 5, 5000),
            ("+1Ki", "1Ki", 1024, 1_024_000), ("512", "512", 512, 512_000),
            ("12345678", "12345678", 12_345_678, 12_345_678_000),
            ("100Ei", "9223372036854775807", Int64.max, Int64.max), ("1500Ki", "1500Ki", 1_536_000, 1_536_000_000),
            ("1Ki", "1Ki", 1024, 1_024_000), ("1e-3", "1m", 1, 1),
        ] as [(String, String, Int64, Int64)])
    func textHasItsAmountAndCanonicalForm(_ text: String, _ canonical: String, _ value: Int64, _ millis: Int64) {
        let quantity = Quantity(text)
        if text != "1e-3" { #expect(quantity?.description == canonical) }
        #expect(quantity?.value == value)
        #expect(quantity?.millis == millis)
    }

    @Test(arguments: ["", "a", "1mi", "1 Gi", "Mi", "1.2.3", "--1", "1KB", "1e", "1e99999", "1Mi ", "٣", "."])
    func textThatIsNoQuantityIsRefused(_ text: String) { #expect(Quantity(text) == nil) }

    @Test func longTextNeverTraps() {
        #expect(Quantity(String(repeating: "9", count: 64))?.value == .max)
        #expect(Quantity("0." + String(repeating: "9", count: 60))?.value == 1)
        #expect(Quantity("-" + String(repeating: "9", count: 40) + "Ei")?.value == -.max)
        #expect(Quantity("1e-9999")?.value == 1)
        #expect(Quantity("1e9999")?.value == .max)
    }

    @Test func amountsAreComparedWhateverTheirSuffix() {
        #expect(Quantity("1Gi") == Quantity("1024Mi"))
        #expect(Quantity("500m").flatMap { half in Quantity("1").map { half < $0 } } == true)
        #expect(Quantity(millis: 250).description == "250m")
        #expect((Quantity(1) + Quantity(millis: 500)).description == "1500m")
    }

    @Test func timestampIsReadAndWritten() {
        #expect(Timestamp(seconds: 0).text == "1970-01-01T00:00:00Z")
        #expect(Timestamp(seconds: 1_769_847_330).text == "2026-01-31T08:15:30Z")
        #expect(Timestamp(seconds: 4_102_444_799).text == "2099-12-31T23:59:59Z")
        #expect(Timestamp(seconds: -1).text == "1969-12-31T23:59:59Z")
        #expect(Timestamp("2026-01-31T08:15:30Z")?.seconds == 1_769_847_330)
        #expect(Timestamp("2026-01-31T09:15:30.25+01:00")?.seconds == 1_769_847_330)
        #expect(Timestamp("2026-01-31T09:15:30.25+01:00")?.nanoseconds == 250_000_000)
        #expect(Timestamp("2024-02-29T00:00:00Z")?.text == "2024-02-29T00:00:00Z")
        #expect(Timestamp(seconds: 5, microseconds: 42).text == "1970-01-01T00:00:05.000042Z")
        for text in ["", "2026-02-30T00:00:00Z", "2026-01-31", "2026-01-31T08:15:30", "2026-13-01T00:00:00Z", "x"] {
            #expect(Timestamp(text) == nil)
        }
        for seconds in stride(from: Int64(-10_000_000_000), through: 10_000_000_000, by: 86_399_111) {
            #expect(Timestamp(Timestamp(seconds: seconds).text)?.seconds == seconds)
        }
    }

    @Test func percentagesAreScaled() {
        #expect(IntOrString.string("25%").scaled(total: 3, roundUp: true) == 1)
        #expect(IntOrString.string("25%").scaled(total: 3, roundUp: false) == 0)
        #expect(IntOrString.int(2).scaled(total: 3, roundUp: false) == 2)
        #expect(IntOrString.string("http").scaled(total: 3, roundUp: false) == nil)
        #expect(IntOrString.string("%").percentage == nil)
    }
}
