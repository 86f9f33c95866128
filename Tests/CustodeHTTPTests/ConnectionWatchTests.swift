import NIOCore
import NIOEmbedded
import Testing

@testable import CustodeHTTP

@Suite("the watch that ends what takes too long")
struct ConnectionWatchTests {
    /// A connection with no patience at all in one respect.
    private func bench(_ impatience: WritableKeyPath<ConnectionLimits, TimeAmount>?) throws -> ConnectionBench {
        var limits = ConnectionLimits()
        if let impatience { limits[keyPath: impatience] = .nanoseconds(0) }
        return try ConnectionBench(gate: false, limits: limits)
    }

    private func tick(_ bench: ConnectionBench, _ times: Int = 1) {
        for _ in 0..<times { bench.channel.embeddedEventLoop.advanceTime(by: .seconds(1)) }
    }

    @Test("a connection that rests too long is closed")
    func idle() throws {
        let bench = try bench(\.idle)
        #expect(bench.socket.closes.isEmpty)
        tick(bench)
        #expect(bench.socket.closes == [.all])
    }

    @Test("the first byte of a request begins its head; one that takes too long is told to the gate")
    func head() throws {
        let bench = try bench(\.head)
        tick(bench)
        #expect(bench.service.events.isEmpty)
        try bench.channel.writeInbound(ByteBuffer(string: "G"))
        #expect(bench.activity.phase == .head)
        tick(bench)
        #expect(bench.service.events.count == 1 && bench.service.events.first as? ConnectionTimeout == .head)
        #expect(bench.socket.closes.isEmpty)
    }

    @Test("a client that does not close after its last reply is closed")
    func linger() throws {
        let bench = try bench(\.linger)
        bench.activity.enter(.linger)
        tick(bench)
        #expect(bench.socket.closes == [.all])
    }

    @Test("a service that takes its time is not ended: nothing is waited for from the client")
    func slowService() throws {
        for impatience in [\ConnectionLimits.idle, \.head, \.linger] {
            let bench = try bench(impatience)
            bench.activity.enter(.reply)
            tick(bench, 100)
            #expect(bench.socket.closes.isEmpty && bench.service.events.isEmpty)
        }
    }

    @Test("a body that the service does not ask for is not too slow")
    func unaskedBody() throws {
        let bench = try bench(\.bodyWindow)
        bench.activity.enter(.body)
        tick(bench, 100)
        #expect(bench.service.events.isEmpty)
    }

    @Test("a reader that takes nothing is closed, one that takes something is not")
    func stalledReader() throws {
        let bench = try bench(\.stalledReader)
        bench.activity.enter(.reply)
        bench.channel.write(ByteBuffer(string: "abc"), promise: nil)
        tick(bench)
        #expect(bench.socket.closes.isEmpty, "it has only just begun to wait")
        bench.channel.write(ByteBuffer(string: "def"), promise: nil)
        tick(bench)
        #expect(bench.socket.closes.isEmpty, "what waits is not what waited")
        tick(bench)
        #expect(bench.socket.closes == [.all])
    }

    @Test("a patient connection is left alone in every phase")
    func patient() throws {
        for phase in [ConnectionActivity.Phase.idle, .head, .body, .reply, .linger] {
            let bench = try bench(nil)
            bench.activity.enter(phase)
            bench.channel.write(ByteBuffer(string: "abc"), promise: nil)
            tick(bench, 10)
            #expect(bench.socket.closes.isEmpty && bench.service.events.isEmpty)
        }
    }

    @Test("a body below its least rate is told to the service, and only while the service waits for it")
    func slowBody() throws {
        var limits = ConnectionLimits()
        limits.bodyWindow = .seconds(1)
        limits.bodyRate = 1_000
        let bench = try ConnectionBench(gate: false, limits: limits)
        bench.activity.enter(.body)
        bench.channel.read()
        let end = ContinuousClock.now + .seconds(10)
        while bench.service.events.isEmpty, ContinuousClock.now < end { tick(bench) }
        #expect(bench.service.events.first as? ConnectionTimeout == .body)
    }

    @Test("a closed connection has no timer")
    func timerEnds() throws {
        let bench = try bench(\.idle)
        bench.channel.pipeline.fireChannelInactive()
        tick(bench, 10)
        #expect(bench.socket.closes.isEmpty)
    }
}
