import CustodeCore

/// Finds whatever it was told to find.
struct FakeSniffer: TypeSniffer {
    struct Failed: Error {}

    let journal: Journal
    var finding: String? = "audio/x-wav"

    func mimeType(of prefix: [UInt8]) async throws -> String {
        journal.note(.sniff)
        guard let finding else { throw Failed() }
        return finding
    }
}
