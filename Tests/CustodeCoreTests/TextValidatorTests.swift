import Testing

@testable import CustodeCore

@Suite("strict UTF-8 without NUL")
struct TextValidatorTests {
    private func fault(_ bytes: [UInt8], chunk: Int = .max) -> Int? {
        var validator = TextValidator()
        var rest = bytes[...]
        while !rest.isEmpty {
            let piece = rest.prefix(chunk)
            validator.consume(piece.span.bytes)
            rest = rest.dropFirst(chunk)
        }
        validator.finish()
        return validator.fault
    }

    @Test("every scalar but NUL is text")
    func scalars() {
        var bytes: [UInt8] = []
        for value in UInt32(1)...0x10FFFF {
            if let scalar = Unicode.Scalar(value) { bytes += Array(String(scalar).utf8) }
        }
        #expect(fault(bytes) == nil)
        #expect(fault(bytes, chunk: 4093) == nil)
    }

    @Test("every two bytes, and every three of the difficult ones, are judged as the standard library does")
    func exhaustive() {
        let edges: [UInt8] = [
            0x00, 0x01, 0x41, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0, 0xC1, 0xC2, 0xDF, 0xE0, 0xE1,
            0xEC,
            0xED, 0xEE, 0xEF, 0xF0, 0xF1, 0xF3, 0xF4, 0xF5, 0xF8, 0xFE, 0xFF,
        ]
        var inputs: [[UInt8]] = []
        for first in UInt8.min...UInt8.max {
            for second in UInt8.min...UInt8.max { inputs.append([first, second]) }
        }
        for first in edges {
            for second in edges {
                for third in edges { inputs += [[first, second, third], [first, second, third, 0x80]] }
            }
        }
        for bytes in inputs {
            let isText = String(validating: bytes, as: UTF8.self) != nil && !bytes.contains(0)
            #expect((fault(bytes) == nil) == isText, "\(bytes)")
            #expect(fault(bytes, chunk: 1) == fault(bytes), "\(bytes)")
        }
    }

    @Test(
        "a fault is found wherever it stands among words of eight bytes", arguments: [0x00, 0x80, 0xC0, 0xFF])
    func places(byte: UInt8) {
        for length in 1...40 {
            for place in 0..<length {
                var bytes = [UInt8](repeating: 0x01, count: length)
                bytes[place] = byte
                for chunk in [1, 3, 8, 64] { #expect(fault(bytes, chunk: chunk) == place) }
            }
        }
    }
}
