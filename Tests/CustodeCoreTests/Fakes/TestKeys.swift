import CustodeCore
import CustodeTesting

/// Keys whose tags are hashes: good enough to tell which key, operation and message a tag is for.
struct TestKeys: LinkAuthenticator {
    var activeKey: UInt16 = 1
    var secrets: [UInt16: String] = [1: "one", 2: "two"]

    func tag(_ message: [UInt8], key: UInt16, operation: LinkOperation) -> [UInt8]? {
        secrets[key].map { SHA256.digest(Array("\($0) \(operation.name) ".utf8) + message) }
    }

    func verify(_ tag: [UInt8], of message: [UInt8], key: UInt16, operation: LinkOperation) -> Bool {
        self.tag(message, key: key, operation: operation)?.prefix(LinkSigner.tagLength).elementsEqual(tag) ?? false
    }
}
