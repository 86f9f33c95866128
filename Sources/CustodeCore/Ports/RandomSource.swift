/// Unpredictable bytes, as a value that tests can fix.
public protocol RandomSource: Sendable {
    /// Returns `count` bytes nobody can guess.
    func bytes(_ count: Int) -> [UInt8]
}

extension RandomSource {
    /// A suffix for a key that is not its object's first: six characters of base32.
    public func keySuffix() -> String {
        let alphabet = Array("abcdefghijklmnopqrstuvwxyz234567".utf8)
        return String(
            decoding: bytes(ObjectKey.suffixLength).map { alphabet[Int($0 & 31)] }, as: UTF8.self)
    }
}
