import ContentSniffer
import CustodeCore

/// Fits libmagic to the core's port.
struct MagicTypeSniffer: TypeSniffer {
    let sniffer: MagicSniffer

    func mimeType(of prefix: [UInt8]) async throws -> String { try await sniffer.mimeType(of: prefix) }
}
