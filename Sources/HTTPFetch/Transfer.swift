internal import CLibCurl
internal import Glibc
internal import NIOCore
internal import Synchronization

/// One request on its way, and the reply to it.
///
/// The easy handle belongs to the loop's thread. It is made for this request and freed after it, so that nothing of
/// one request's credentials can be left for another.
final class Transfer: Sendable {
    let request: FetchRequest
    private let loop: FetchLoop
    private let state = Mutex(TransferState())
    // What follows is unsafe by name only: from its submission on, the loop's thread alone touches it.

    nonisolated(unsafe) private var handle: OpaqueHandle?
    nonisolated(unsafe) private var fields: UnsafeMutablePointer<curl_slist>?
    /// Where libcurl says what is wrong with a certificate; there for https alone.
    nonisolated(unsafe) private var complaint: UnsafeMutablePointer<CChar>?
    /// How many bytes of the request's body were sent, and why no more could be read.
    nonisolated(unsafe) private var sent: Int64 = 0
    nonisolated(unsafe) private var bodyFailure: FetchError?
    /// How many bytes may wait for the reader, and whether so many do.
    nonisolated(unsafe) private(set) var mark = 0
    nonisolated(unsafe) private var isPaused = false
    /// Whether the request went out on a connection, the first one of several perhaps, and anything of a reply came.
    nonisolated(unsafe) private var wasSent = false
    nonisolated(unsafe) private var wasHeard = false
    /// Whether it is to have a connection of its own, since one that had served before died under it.
    nonisolated(unsafe) private var isSecondTry = false
    /// When the server was last seen to do something, and how many bytes had gone either way by then.
    nonisolated(unsafe) private var lastSign = MonotonicTime.zero
    nonisolated(unsafe) private var progress: Int64 = 0

    /// How many bytes are read from a socket at once, at most.
    private static let largestRead = 128 * 1_024
    /// The same of replies that are but acknowledgements.
    private static let smallRead = 8 * 1_024

    typealias OpaqueHandle = UnsafeMutableRawPointer

    init(_ request: FetchRequest, on loop: FetchLoop) {
        self.request = request
        self.loop = loop
    }

    // MARK: For the task that reads

    func head() async throws(FetchError) -> FetchHead {
        let result: Result<FetchHead, FetchError> = await withTaskCancellationHandler {
            await withCheckedContinuation { waiter in state.withLock { $0.askForHead(waiter) }.perform() }
        } onCancel: {
            abandon()
        }
        return try result.get()
    }

    func next() async throws(FetchError) -> ByteBuffer? {
        let result: Result<ByteBuffer?, FetchError> = await withTaskCancellationHandler {
            await withCheckedContinuation { waiter in
                let (resumes, wakeup) = state.withLock { $0.askForBytes(waiter) }
                if resumes { loop.resume(self) }
                wakeup.perform()
            }
        } onCancel: {
            abandon()
        }
        return try result.get()
    }

    /// Ends it, wherever it is; harmless after its end.
    func abandon() {
        let (wasOver, wakeup) = state.withLock { state in (state.isOver, state.abandon()) }
        if !wasOver { loop.remove(self) }
        wakeup.perform()
    }

    // MARK: For the loop

    /// The handle, set up; `nil` if it was given up before, or cannot be.
    func begin(mark: Int) -> OpaqueHandle? {
        guard !state.withLock({ $0.isAbandoned }) else { return nil }
        self.mark = mark
        lastSign = .now
        guard let handle = curl_easy_init() else {
            end(.failure(FetchError(.stopped, "there is no memory for a request")))
            return nil
        }
        self.handle = handle
        guard prepare(handle) else {
            end(.failure(FetchError(.malformed, "the URL or a header field is malformed")))
            free()
            return nil
        }
        return handle
    }

    /// Whether it died with a connection that had served before, in a way that libcurl does not try again by itself:
    /// the server closed it just then, which was noticed when the body could not be sent on.
    func isToStartOver(after code: CURLcode) -> Bool {
        guard code == CURLE_SEND_ERROR, !wasHeard, !isSecondTry, let handle, custode_curl_connects(handle) == 0 else {
            return false
        }
        isSecondTry = true
        sent = 0
        return true
    }

    func end(_ result: Result<Void, FetchError>) { state.withLock { $0.end(result) }.perform() }

    /// Goes on where it was paused.
    func unpause() -> CURLcode {
        guard let handle, isPaused else { return CURLE_OK }
        // Before the call, in which it may be paused again.
        isPaused = false
        lastSign = .now
        return curl_easy_pause(handle, CURLPAUSE_CONT)
    }

    /// Until when the server may be silent; while the reader is what all waits for, the silence has not begun.
    func deadline(now: MonotonicTime) -> MonotonicTime { (isPaused ? now : lastSign) + request.stall }

    /// What it is that the server was silent until its deadline.
    var silence: FetchError {
        wasSent
            ? FetchError(.timedOut, "the server was silent for \(request.stall)")
            : FetchError(.cannotConnect, "no connection came about within \(request.stall)")
    }

    /// Takes the handle out of the loop's hands.
    func free(from multi: OpaqueHandle? = nil) {
        guard let handle else { return }
        if let multi { curl_multi_remove_handle(multi, handle) }
        curl_easy_cleanup(handle)
        curl_slist_free_all(fields)
        fields = nil
        complaint?.deallocate()
        complaint = nil
        self.handle = nil
    }

    /// What a result of libcurl's means.
    func outcome(_ code: CURLcode) -> Result<Void, FetchError> {
        if code == CURLE_OK { return .success(()) }
        if let bodyFailure { return .failure(bodyFailure) }
        if !wasSent, Self.ofCertificates.contains(code.rawValue) {
            return .failure(FetchError(.untrusted, distrust(code)))
        }
        var text = String(cString: curl_easy_strerror(code))
        if let handle, case let number = custode_curl_os_error(handle), number != 0 {
            text += " (\(String(cString: strerror(Int32(number)))))"
        }
        let kind: FetchError.Code =
            switch code {
            // The code alone does not tell: a request whose connection died is sent again on another.
            case _ where wasSent: .broken
            case CURLE_URL_MALFORMAT, CURLE_UNSUPPORTED_PROTOCOL, CURLE_LOGIN_DENIED: .malformed
            default: .cannotConnect
            }
        return .failure(FetchError(kind, text))
    }

    private static let ofCertificates = [
        CURLE_PEER_FAILED_VERIFICATION, CURLE_SSL_CACERT_BADFILE, CURLE_SSL_ISSUER_ERROR,
    ].map(\.rawValue)

    /// What libcurl says of a certificate, on one line.
    private func distrust(_ code: CURLcode) -> String {
        let said = complaint.map { String(cString: $0) } ?? ""
        let text = said.isEmpty ? String(cString: curl_easy_strerror(code)) : said
        return text.split(whereSeparator: \.isWhitespace).joined(separator: " ")
    }

    // MARK: For libcurl, on the loop's thread

    fileprivate func noteSending() {
        wasSent = true
        lastSign = .now
    }

    fileprivate func noteProgress(_ bytes: Int64) {
        guard bytes != progress else { return }
        progress = bytes
        lastSign = .now
    }

    fileprivate func takeLine(_ bytes: UnsafeRawBufferPointer) {
        wasHeard = true
        lastSign = .now
        var line = Substring(decoding: bytes, as: UTF8.self)
        while let last = line.utf8.last, last == 13 || last == 10 { line = Substring(line.utf8.dropLast()) }
        state.withLock { $0.take(headerLine: line) }.perform()
    }

    fileprivate func takeBytes(_ bytes: UnsafeRawBufferPointer) -> Int {
        let mark = mark
        let (verdict, wakeup) = state.withLock { $0.take(bytes, mark: mark) }
        wakeup.perform()
        switch verdict {
        case .taken: return bytes.count
        // libcurl keeps them. To pause it by curl_easy_pause would have it read once more at once, and keep that too.
        case .later:
            isPaused = true
            return Int(CURL_WRITEFUNC_PAUSE)
        // Any other number is a failure, as there are bytes.
        case .unwanted: return 0
        }
    }

    fileprivate func giveBytes(_ space: UnsafeMutableRawBufferPointer) -> Int {
        let count = min(Int64(space.count), request.body.count - sent)
        guard count > 0, let base = space.baseAddress else { return 0 }
        switch request.body {
        case .none: return 0
        case .bytes(let buffer):
            buffer.withUnsafeReadableBytes { bytes in
                space.copyMemory(from: UnsafeRawBufferPointer(rebasing: bytes[Int(sent)..<Int(sent + count)]))
            }
            sent += count
            return Int(count)
        case .file(let descriptor, let offset, _, _):
            let read = pread(descriptor, base, Int(count), off_t(offset + sent))
            guard read > 0 else {
                let reason = read == 0 ? "it is shorter than it was" : String(cString: strerror(errno))
                bodyFailure = FetchError(.unreadableBody, "cannot read what is to be sent: \(reason)")
                return Int(CURL_READFUNC_ABORT)
            }
            sent += Int64(read)
            return read
        }
    }

    fileprivate func rewind(to offset: Int64) { sent = offset }

    private func prepare(_ handle: OpaqueHandle) -> Bool {
        let me = Unmanaged.passUnretained(self).toOpaque()
        var isGood = custode_curl_string(handle, CURLOPT_URL, request.url) == CURLE_OK
        for (name, value) in request.headers {
            // A blank value wants a semicolon, or libcurl takes the field out.
            let isBlank = value.utf8.allSatisfy { $0 == 0x20 || $0 == 0x09 }
            guard let more = curl_slist_append(fields, isBlank ? "\(name);" : "\(name): \(value)") else {
                return false
            }
            fields = more
        }
        // Waiting for leave costs a round trip, and what is sent can be sent again.
        guard let all = curl_slist_append(fields, "Expect:") else { return false }
        fields = all
        isGood = isGood && custode_curl_list(handle, CURLOPT_HTTPHEADER, fields) == CURLE_OK
        custode_curl_pointer(handle, CURLOPT_PRIVATE, me)
        custode_curl_string(handle, CURLOPT_PROTOCOLS_STR, "http,https")
        if request.url.lowercased().hasPrefix("https:") { prepareTrust(handle) }
        custode_curl_long(handle, CURLOPT_HTTP_VERSION, Int(CURL_HTTP_VERSION_1_1))
        custode_curl_long(handle, CURLOPT_PATH_AS_IS, 1)
        custode_curl_long(handle, CURLOPT_DISALLOW_USERNAME_IN_URL, 1)
        custode_curl_long(handle, CURLOPT_NOSIGNAL, 1)
        // Or the loop, and all transfers with it, waits for a name server when one that resolves a name is given up.
        custode_curl_long(handle, CURLOPT_QUICK_EXIT, 1)
        // What is signed goes where the configuration says, and nowhere else.
        custode_curl_long(handle, CURLOPT_FOLLOWLOCATION, 0)
        custode_curl_string(handle, CURLOPT_NOPROXY, "*")
        custode_curl_long(handle, CURLOPT_FRESH_CONNECT, isSecondTry || request.isNeverResent ? 1 : 0)
        custode_curl_long(handle, CURLOPT_CONNECTTIMEOUT_MS, 5_000)
        // libcurl's own limit (LOW_SPEED_TIME) is on an average of the last seconds: a server that goes on working and
        // says so now and then, a byte at a time, would be given up, and one that falls silent be told late.
        custode_curl_long(handle, CURLOPT_NOPROGRESS, 0)
        custode_curl_pointer(handle, CURLOPT_XFERINFODATA, me)
        custode_curl_on_progress(handle) { me, _, received, _, sent in
            if let me { Transfer.at(me).noteProgress(Int64(received) + Int64(sent)) }
            return 0
        }
        custode_curl_pointer(handle, CURLOPT_PREREQDATA, me)
        custode_curl_on_sending(handle) { me, _, _, _, _ in
            if let me { Transfer.at(me).noteSending() }
            return Int32(CURL_PREREQFUNC_OK)
        }
        custode_curl_long(
            handle, CURLOPT_BUFFERSIZE, request.method == "GET" ? min(mark, Self.largestRead) : Self.smallRead)
        custode_curl_pointer(handle, CURLOPT_WRITEDATA, me)
        custode_curl_pointer(handle, CURLOPT_HEADERDATA, me)
        custode_curl_on_bytes(handle, CURLOPT_WRITEFUNCTION) { bytes, size, count, me in
            guard let me, let bytes else { return 0 }
            return Transfer.at(me).takeBytes(UnsafeRawBufferPointer(start: bytes, count: size * count))
        }
        custode_curl_on_bytes(handle, CURLOPT_HEADERFUNCTION) { bytes, size, count, me in
            guard let me, let bytes else { return 0 }
            Transfer.at(me).takeLine(UnsafeRawBufferPointer(start: bytes, count: size * count))
            return size * count
        }
        return isGood && prepareMethod(handle, me)
    }

    private func prepareTrust(_ handle: OpaqueHandle) {
        let complaint = UnsafeMutablePointer<CChar>.allocate(capacity: Int(CURL_ERROR_SIZE))
        complaint.initialize(repeating: 0, count: Int(CURL_ERROR_SIZE))
        self.complaint = complaint
        custode_curl_pointer(handle, CURLOPT_ERRORBUFFER, complaint)
        if let certificates = loop.certificates { custode_curl_string(handle, CURLOPT_CAINFO, certificates) }
    }

    private func prepareMethod(_ handle: OpaqueHandle, _ me: OpaqueHandle) -> Bool {
        switch (request.method, request.body.count) {
        case ("GET", 0): break
        case ("HEAD", 0): custode_curl_long(handle, CURLOPT_NOBODY, 1)
        default:
            custode_curl_string(handle, CURLOPT_CUSTOMREQUEST, request.method)
            guard request.method != "DELETE" || request.body.count > 0 else { return true }
            custode_curl_long(handle, CURLOPT_UPLOAD, 1)
            custode_curl_offset(handle, CURLOPT_INFILESIZE_LARGE, curl_off_t(request.body.count))
            // libcurl takes 16 KiB at least.
            let buffer = max(16 * 1_024, min(64 * 1_024, request.body.count))
            custode_curl_long(handle, CURLOPT_UPLOAD_BUFFERSIZE, Int(buffer))
            custode_curl_pointer(handle, CURLOPT_READDATA, me)
            custode_curl_pointer(handle, CURLOPT_SEEKDATA, me)
            custode_curl_on_read(handle) { space, size, count, me in
                guard let me, let space else { return 0 }
                return Transfer.at(me).giveBytes(UnsafeMutableRawBufferPointer(start: space, count: size * count))
            }
            custode_curl_on_seek(handle) { me, offset, origin in
                guard let me, origin == SEEK_SET else { return Int32(CURL_SEEKFUNC_FAIL) }
                Transfer.at(me).rewind(to: Int64(offset))
                return Int32(CURL_SEEKFUNC_OK)
            }
        }
        return true
    }

    private static func at(_ pointer: UnsafeMutableRawPointer) -> Transfer {
        Unmanaged<Transfer>.fromOpaque(pointer).takeUnretainedValue()
    }
}
