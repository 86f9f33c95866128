internal import CLibCurl
internal import CLinux
internal import Glibc

/// libcurl's multi handle and the sockets it watches; made on one thread and used on another, never on two at once.
final class FetchDriver: @unchecked Sendable {
    /// What others left word of.
    struct Mail {
        let submitted: [Transfer]
        let resumed: [Transfer]
        let removed: [Transfer]
        let isStopping: Bool
    }

    /// `nil` once it has stopped.
    private var multi: UnsafeMutableRawPointer?
    private let poll: Int32
    private let wakeups: Int32
    private var budget: ReaderBudget
    private var active: [ObjectIdentifier: Transfer] = [:]
    /// When libcurl wants to be called.
    private var alarm: MonotonicTime?
    /// When to look next for servers that are silent.
    private var silenceEnds: MonotonicTime?

    init?(budget: Int, wakeups: Int32) {
        guard curl_global_init(Int(CURL_GLOBAL_DEFAULT)) == CURLE_OK, let multi = curl_multi_init() else { return nil }
        poll = epoll_create1(Int32(EPOLL_CLOEXEC))
        self.multi = multi
        self.wakeups = wakeups
        self.budget = ReaderBudget(budget)
        guard poll >= 0, watch(wakeups, EPOLLIN.rawValue) else { return nil }
        let me = Unmanaged.passUnretained(self).toOpaque()
        custode_multi_pointer(multi, CURLMOPT_SOCKETDATA, me)
        custode_multi_on_socket(multi) { _, socket, what, me, _ in
            guard let me else { return 0 }
            Unmanaged<FetchDriver>.fromOpaque(me).takeUnretainedValue().watch(socket, for: what)
            return 0
        }
        custode_multi_pointer(multi, CURLMOPT_TIMERDATA, me)
        custode_multi_on_timer(multi) { _, milliseconds, me in
            guard let me else { return 0 }
            let driver = Unmanaged<FetchDriver>.fromOpaque(me).takeUnretainedValue()
            driver.alarm = milliseconds < 0 ? nil : .now + .milliseconds(milliseconds)
            return 0
        }
    }

    deinit {
        if let multi { curl_multi_cleanup(multi) }
        if poll >= 0 { close(poll) }
    }

    /// Drives until the mail says to stop.
    func run(_ takeMail: () -> Mail, whenStopped: () -> Void) {
        var events = [epoll_event](repeating: epoll_event(), count: 64)
        while true {
            let count = max(0, epoll_wait(poll, &events, Int32(events.count), patience))
            for event in events.prefix(Int(count)) where event.data.fd != wakeups { act(on: event) }
            if let alarm, alarm <= .now {
                self.alarm = nil
                act(CURL_SOCKET_TIMEOUT, 0)
            }
            // Not while there is more to be taken in than one look shows: it may be from those.
            if let silenceEnds, silenceEnds <= .now, count < events.count { endSilent() }
            // After the sockets, so that what they brought is there for who asks.
            let mail = takeMail()
            handle(mail)
            settleWhatEnded()
            if mail.isStopping { break }
        }
        for transfer in Array(active.values) {
            finish(transfer, .failure(FetchError(.stopped, "the service is stopping")))
        }
        // Its connections are closed by the time this is told.
        curl_multi_cleanup(multi)
        multi = nil
        whenStopped()
    }

    private func handle(_ mail: Mail) {
        for transfer in mail.submitted { add(transfer) }
        for transfer in mail.resumed where active[ObjectIdentifier(transfer)] != nil {
            let code = transfer.unpause()
            if code != CURLE_OK { finish(transfer, transfer.outcome(code)) }
        }
        for transfer in mail.removed { drop(transfer) }
    }

    private func settleWhatEnded() {
        var left: Int32 = 0
        while let message = curl_multi_info_read(multi, &left) {
            guard message.pointee.msg == CURLMSG_DONE, let handle = message.pointee.easy_handle else { continue }
            let code = message.pointee.data.result
            var pointer: UnsafeMutableRawPointer?
            guard custode_curl_private(handle, &pointer) == CURLE_OK, let pointer else { continue }
            let transfer = Unmanaged<Transfer>.fromOpaque(pointer).takeUnretainedValue()
            if transfer.isToStartOver(after: code) {
                drop(transfer)
                add(transfer)
            } else {
                finish(transfer, transfer.outcome(code))
            }
        }
    }

    private func add(_ transfer: Transfer) {
        let mark = budget.grant()
        guard let handle = transfer.begin(mark: mark) else { return budget.take(back: mark) }
        active[ObjectIdentifier(transfer)] = transfer
        let deadline = transfer.deadline(now: .now)
        silenceEnds = silenceEnds.map { min($0, deadline) } ?? deadline
        if curl_multi_add_handle(multi, handle) != CURLM_OK {
            finish(transfer, .failure(FetchError(.stopped, "there is no memory for a request")))
        }
    }

    private func finish(_ transfer: Transfer, _ result: Result<Void, FetchError>) {
        drop(transfer)
        transfer.end(result)
    }

    private func drop(_ transfer: Transfer) {
        guard active.removeValue(forKey: ObjectIdentifier(transfer)) != nil else { return }
        budget.take(back: transfer.mark)
        transfer.free(from: multi)
    }

    /// Ends those whose server has been silent for too long, and notes when the next may have been.
    private func endSilent() {
        let now = MonotonicTime.now
        var next: MonotonicTime?
        for transfer in Array(active.values) {
            let deadline = transfer.deadline(now: now)
            if deadline <= now {
                finish(transfer, .failure(transfer.silence))
            } else {
                next = next.map { min($0, deadline) } ?? deadline
            }
        }
        silenceEnds = next
    }

    private func act(on event: epoll_event) {
        var what: Int32 = 0
        if event.events & EPOLLIN.rawValue != 0 { what |= CURL_CSELECT_IN }
        if event.events & EPOLLOUT.rawValue != 0 { what |= CURL_CSELECT_OUT }
        if event.events & (EPOLLERR.rawValue | EPOLLHUP.rawValue) != 0 { what |= CURL_CSELECT_ERR }
        act(event.data.fd, what)
    }

    private func act(_ socket: curl_socket_t, _ what: Int32) {
        var running: Int32 = 0
        curl_multi_socket_action(multi, socket, what, &running)
    }

    private func watch(_ socket: Int32, for what: Int32) {
        var wanted: UInt32 = 0
        switch what {
        case CURL_POLL_IN: wanted = EPOLLIN.rawValue
        case CURL_POLL_OUT: wanted = EPOLLOUT.rawValue
        case CURL_POLL_INOUT: wanted = EPOLLIN.rawValue | EPOLLOUT.rawValue
        default:
            // It may be closed already, which took it out.
            epoll_ctl(poll, EPOLL_CTL_DEL, socket, nil)
            return
        }
        _ = watch(socket, wanted)
    }

    private func watch(_ socket: Int32, _ wanted: UInt32) -> Bool {
        var event = epoll_event()
        event.events = wanted
        event.data.fd = socket
        if epoll_ctl(poll, EPOLL_CTL_MOD, socket, &event) == 0 { return true }
        return epoll_ctl(poll, EPOLL_CTL_ADD, socket, &event) == 0
    }

    private var patience: Int32 {
        guard let next = [alarm, silenceEnds].compactMap({ $0 }).min() else { return -1 }
        return Int32(clamping: max(0, next.milliseconds - MonotonicTime.now.milliseconds))
    }
}
