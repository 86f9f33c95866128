import Foundation
import Identity
import Logging
import ServiceLifecycle
import UnixSignals

/// Reads the key files and the issuer's key set again when SIGHUP says so; what cannot be read leaves the old keys in force.
struct KeyReload: Service {
    // The paths alone: what a service holds is told in the log when services start.
    let serviceKeysPath: String?
    let linkKeysPath: String
    let serviceKeys: ServiceKeys
    let linkKeys: LinkKeys
    let keySet: KeySetSource?
    let logger: Logger

    func run() async throws {
        let hangups = await UnixSignalsSequence(trapping: .sighup)
        for await _ in hangups.cancelOnGracefulShutdown() {
            reload()
            await keySet?.refresh()
        }
    }

    private func reload() {
        do {
            if let path = serviceKeysPath { try serviceKeys.reload(file: try Parts.text(path)) }
            linkKeys.reload(try KeyRingFile(path: linkKeysPath).load())
            logger.notice("keys reloaded", metadata: ["service_keys": "\(serviceKeys.count)"])
        } catch {
            logger.error("keys not reloaded, the old ones stay: \(error)")
        }
    }
}
