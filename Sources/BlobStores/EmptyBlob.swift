internal import CustodeCore
internal import NIOCore

/// An object without a byte.
struct EmptyBlob: OpenBlob {
    var size: Int64 { 0 }

    var file: NIOFileHandle? { nil }

    func read(_ range: ByteRange) -> AsyncThrowingStream<ByteBuffer, any Error> { AsyncThrowingStream { nil } }
}
