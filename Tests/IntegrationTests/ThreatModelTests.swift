import CustodeTesting
import Foundation
import Testing

@Suite("The threat model")
struct ThreatModelTests {
    @Test("every test that THREATS.md names is there, under that name")
    func tests() throws {
        let page = try String(contentsOfFile: Checkout.root + "/THREATS.md", encoding: .utf8)
        let names = page.matches(of: /"([^"\n]+)"/).map { String($0.1) }
        #expect(names.count > 20)
        let tests = Checkout.root + "/Tests/"
        let texts = try TestFolder.files(below: tests).keys.filter { $0.hasSuffix(".swift") }.map {
            try String(contentsOfFile: tests + $0, encoding: .utf8)
        }
        for name in names {
            #expect(texts.contains { $0.contains("\"\(name)\"") }, "\(name)")
        }
    }
}
