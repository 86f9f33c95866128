/// What escapes stand for, by hand; `nil` where one is cut short.
func percentDecoded(_ text: [UInt8]) -> [UInt8]? {
    let pieces = text.split(separator: 0x25, omittingEmptySubsequences: false)
    var bytes = Array(pieces[0])
    for piece in pieces.dropFirst() {
        let digits = piece.prefix(2)
        guard digits.count == 2, !digits.contains(0x2B), !digits.contains(0x2D),
            let byte = UInt8(String(decoding: digits, as: UTF8.self), radix: 16)
        else { return nil }
        bytes += [byte] + piece.dropFirst(2)
    }
    return bytes
}
