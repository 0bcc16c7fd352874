import JSON
import Testing

@testable import NodeAgent

@Suite struct PodTokenTests {
    private func token(_ lifetime: Int64) -> PodToken { PodToken(text: "t", issuedAt: 1_000_000, lifetime: lifetime) }

    @Test func aTokenIsReplacedBeforeFourFifthsOfItsLifeWhenItIsLookedAtEveryFifteenSeconds() {
        for lifetime in [600, 3607, 7200] as [Int64] {
            let token = token(lifetime)
            #expect(!token.isDue(at: token.issuedAt + lifetime / 2))
            #expect(token.isDue(at: token.issuedAt + lifetime * 4 / 5 - 15))
        }
    }

    @Test func aLongTokenIsADayOldAtMostAndADateThatJumpsMakesANewOne() {
        let month = token(30 * 86_400)
        #expect(!month.isDue(at: month.issuedAt + 86_399))
        #expect(month.isDue(at: month.issuedAt + 86_400))
        #expect(month.isDue(at: month.issuedAt + 400 * 86_400))
        #expect(month.isDue(at: month.issuedAt - 3600))
        #expect(!month.isDue(at: month.issuedAt))
    }

    @Test func aSourceHasTheApisAudienceAndAnHourUnlessItSaysOtherwise() {
        let plain: JSONValue = ["serviceAccountToken": ["path": "t"]]
        #expect(plain.tokenSource?.seconds == 3600)
        #expect(plain.tokenSource?.audience == "")
        let other: JSONValue = ["configMap": ["name": "c"]]
        #expect(other.tokenSource == nil)
    }
}
