import NIOCore
import NIOEmbedded
import NIOHTTP1
import Testing

@testable import CustodeHTTP

@Suite("the gate that lets only sound requests in")
struct RequestGateTests {
    @Test("a sound request is let in, and the connection rests after its reply")
    func sound() throws {
        let bench = try ConnectionBench()
        try bench.channel.writeInbound(ConnectionBench.head([("content-length", "3")]))
        #expect(bench.activity.phase == .body)
        try bench.channel.writeInbound(HTTPServerRequestPart.body(ByteBuffer(string: "abc")))
        try bench.channel.writeInbound(HTTPServerRequestPart.end(nil))
        #expect(bench.activity.phase == .reply)
        try bench.reply()
        #expect(bench.activity.phase == .idle && bench.socket.closes.isEmpty)
        #expect(try bench.letIn() == 1)
        #expect(try bench.sent()?.head.headers["connection"] == [])
    }

    @Test("requests that servers could read differently are refused, and end the connection")
    func unsound() throws {
        let cases: [([(String, String)], HTTPVersion, Bool)] = [
            ([("content-length", "5"), ("content-length", "5")], .http1_1, true),
            ([("content-length", "5"), ("Content-Length", "6")], .http1_1, true),
            ([("content-length", "5, 5")], .http1_1, true),
            ([("content-length", "5"), ("transfer-encoding", "chunked")], .http1_1, true),
            ([("transfer-encoding", "gzip")], .http1_1, true),
            ([("transfer-encoding", "gzip, chunked")], .http1_1, true),
            ([("transfer-encoding", "chunked"), ("transfer-encoding", "chunked")], .http1_1, true),
            ([("transfer-encoding", "chunked, identity")], .http1_1, true),
            ([("transfer-encoding", "identity")], .http1_1, true),
            ([("transfer-encoding", "xchunked")], .http1_1, true), ([("transfer-encoding", "chunked")], .http1_0, true),
            ([("content-length", "x")], .http1_1, true), ([("content-length", "99999999999999999999")], .http1_1, true),
            ([("content-length", "5;")], .http1_1, true),
            ([], .http1_1, false), ([("host", "other")], .http1_1, true), ([("HOST", "h")], .http1_1, true),
        ]
        for (fields, version, host) in cases {
            let bench = try ConnectionBench()
            try bench.channel.writeInbound(ConnectionBench.head(fields, version: version, host: host))
            let reply = try #require(try bench.sent(), "\(fields)")
            #expect(reply.head.status == .badRequest && reply.head.headers["connection"] == ["close"])
            #expect(reply.head.headers["content-type"] == ["application/problem+json"])
            #expect(reply.head.headers["content-length"] == [String(reply.body.utf8.count)])
            #expect(reply.body.contains("urn:custode:bad-request"))
            #expect(try bench.letIn() == 0)
            #expect(bench.socket.closes == [.output] && bench.activity.phase == .linger)
        }
    }

    @Test("sound requests of every kind are let in")
    func kinds() throws {
        for (fields, version, host) in [
            ([("transfer-encoding", "Chunked")], .http1_1, true), ([("content-length", "0")], .http1_1, true),
            ([], .http1_0, false), ([], .http1_0, true), ([("content-length", "5")], .http1_0, false),
        ] as [([(String, String)], HTTPVersion, Bool)] {
            let bench = try ConnectionBench()
            try bench.channel.writeInbound(ConnectionBench.head(fields, version: version, host: host))
            #expect(try bench.letIn() == 1 && bench.sent() == nil, "\(fields)")
        }
    }

    @Test("after a refusal nothing more is let in or sent, and what still comes is dropped")
    func afterRefusal() throws {
        let bench = try ConnectionBench()
        try bench.channel.writeInbound(ConnectionBench.head(host: false))
        _ = try bench.sent()
        let reads = bench.socket.reads
        try bench.channel.writeInbound(ConnectionBench.head())
        try bench.channel.writeInbound(HTTPServerRequestPart.body(ByteBuffer(string: "abc")))
        #expect(try bench.letIn() == 0)
        #expect(bench.socket.reads > reads, "it is read, so that no reset overtakes the reply")
        #expect(throws: ChannelError.ioOnClosedChannel) { try bench.reply() }
        bench.channel.pipeline.fireErrorCaught(HTTPParserError.invalidMethod)
        #expect(try bench.sent() == nil)
        #expect(bench.socket.closes == [.output])
    }

    @Test("a reply that says close ends the connection behind its last byte, not before")
    func closingReply() throws {
        let bench = try ConnectionBench()
        try bench.channel.writeInbound(ConnectionBench.head([("content-length", "3")]))
        bench.channel.write(
            HTTPServerResponsePart.head(
                HTTPResponseHead(version: .http1_1, status: .ok, headers: ["connection": "close"])), promise: nil)
        bench.channel.write(HTTPServerResponsePart.end(nil), promise: nil)
        #expect(bench.socket.closes.isEmpty, "nothing has gone out yet")
        bench.channel.flush()
        #expect(bench.socket.closes == [.output] && bench.activity.phase == .linger)
        try bench.channel.writeInbound(HTTPServerRequestPart.body(ByteBuffer(string: "abc")))
        #expect(try bench.letIn() == 1, "only the head came through")
    }

    @Test("a client that closes while its last reply lingers is closed at once")
    func clientClosesInLinger() throws {
        let bench = try ConnectionBench()
        try bench.request()
        try bench.reply([("connection", "close")])
        #expect(bench.socket.closes == [.output])
        bench.fire(ChannelEvent.inputClosed)
        #expect(bench.socket.closes == [.output, .all])
    }

    @Test("a client of HTTP/1.0 is told that the connection ends, and it does")
    func oldClient() throws {
        let bench = try ConnectionBench()
        try bench.request(version: .http1_0)
        try bench.reply()
        #expect(try bench.sent()?.head.headers["connection"] == ["close"])
        #expect(bench.socket.closes == [.output])
    }

    @Test("a client that wants no further reply, or whose next words would not be HTTP/1.1, gets this one and the end")
    func lastRequests() throws {
        for (fields, method) in [
            ([("connection", "close")], .GET), ([("connection", "keep-alive, Close")], .GET),
            ([("connection", "upgrade"), ("upgrade", "h2c")], .GET), ([], .CONNECT),
        ] as [([(String, String)], HTTPMethod)] {
            let bench = try ConnectionBench()
            try bench.channel.writeInbound(ConnectionBench.head(fields, method))
            try bench.channel.writeInbound(HTTPServerRequestPart.end(nil))
            try bench.reply()
            #expect(try bench.sent()?.head.headers["connection"] == ["close"], "\(fields)")
            #expect(bench.socket.closes == [.output])
        }
    }

    @Test("a refusal behind a request in flight waits its turn: replies go out in the order of requests")
    func refusalInOrder() throws {
        for refuse in [
            { try $0.channel.writeInbound(ConnectionBench.head(host: false)) },
            { $0.channel.pipeline.fireErrorCaught(HTTPParserError.invalidMethod) },
        ] as [(ConnectionBench) throws -> Void] {
            let bench = try ConnectionBench()
            try bench.request()
            try refuse(bench)
            #expect(try bench.sent() == nil && bench.socket.closes.isEmpty)
            try bench.request()
            try bench.reply()
            #expect(try bench.sent()?.head.status == .ok)
            #expect(try bench.sent()?.head.status == .badRequest)
            #expect(try bench.letIn() == 1, "nothing behind it is let in")
            #expect(bench.socket.closes == [.output])
        }
    }

    @Test("HTTP/1.0 knows no interim replies: what it expects is not told")
    func oldExpectation() throws {
        for (version, isTold) in [(HTTPVersion.http1_0, false), (.http1_1, true)] {
            let bench = try ConnectionBench()
            try bench.channel.writeInbound(
                ConnectionBench.head([("expect", "100-continue"), ("content-length", "3")], version: version))
            guard case .head(let head)? = try bench.channel.readInbound(as: HTTPServerRequestPart.self) else {
                Issue.record("not let in")
                return
            }
            #expect(head.headers.contains(name: "expect") == isTold)
        }
    }

    @Test("100 Continue ends nothing, and says nothing of the connection")
    func informational() throws {
        let bench = try ConnectionBench()
        try bench.channel.writeInbound(ConnectionBench.head([("content-length", "3")], version: .http1_0))
        try bench.channel.writeOutbound(
            HTTPServerResponsePart.head(HTTPResponseHead(version: .http1_1, status: .continue)))
        guard case .head(let head)? = try bench.channel.readOutbound(as: HTTPServerResponsePart.self) else {
            Issue.record("no head")
            return
        }
        #expect(head.headers["connection"] == [] && bench.socket.closes.isEmpty)
        #expect(bench.activity.phase == .body)
    }

    @Test("a connection rests only when every request let in has its reply")
    func pipelined() throws {
        let bench = try ConnectionBench()
        try bench.request()
        try bench.request()
        try bench.reply()
        #expect(bench.activity.phase == .reply)
        try bench.reply()
        #expect(bench.activity.phase == .idle)
    }

    @Test("when the service stops, a resting connection ends at once, another after its reply")
    func quiescing() throws {
        let resting = try ConnectionBench()
        resting.fire(ChannelShouldQuiesceEvent())
        #expect(resting.socket.closes == [.all])

        let busy = try ConnectionBench()
        try busy.request()
        busy.fire(ChannelShouldQuiesceEvent())
        #expect(busy.socket.closes.isEmpty)
        try busy.reply()
        #expect(try busy.sent()?.head.headers["connection"] == ["close"])
        #expect(busy.socket.closes == [.output])
    }

    @Test("a client that closes its side gets the reply it waits for, then the end")
    func inputClosed() throws {
        let resting = try ConnectionBench()
        resting.fire(ChannelEvent.inputClosed)
        #expect(resting.socket.closes == [.all])

        let waiting = try ConnectionBench()
        try waiting.request()
        waiting.fire(ChannelEvent.inputClosed)
        #expect(waiting.socket.closes.isEmpty)
        try waiting.reply([("connection", "close")])
        #expect(try waiting.sent() != nil)
        #expect(waiting.socket.closes == [.all])
    }

    @Test("a client that closed its side and whose reply lets the connection live does not hold it open")
    func inputClosedBeforeReply() throws {
        let bench = try ConnectionBench()
        try bench.request()
        bench.fire(ChannelEvent.inputClosed)
        try bench.reply()
        #expect(try bench.sent() != nil)
        #expect(bench.socket.closes == [.all] || bench.activity.phase == .idle)
    }

    @Test("what the parser refuses is 400, too large a head 431")
    func parserErrors() throws {
        for (error, status) in [
            (HTTPParserError.invalidMethod, HTTPResponseStatus.badRequest), (.invalidHeaderToken, .badRequest),
            (.headerOverflow, .requestHeaderFieldsTooLarge),
        ] {
            let bench = try ConnectionBench()
            bench.channel.pipeline.fireErrorCaught(error)
            #expect(try bench.sent()?.head.status == status)
            #expect(bench.socket.closes == [.output] && bench.service.errors.isEmpty)
        }
    }

    @Test("a body that is badly framed is the service's to refuse")
    func errorInBody() throws {
        let bench = try ConnectionBench()
        try bench.channel.writeInbound(ConnectionBench.head([("transfer-encoding", "chunked")]))
        bench.channel.pipeline.fireErrorCaught(HTTPParserError.invalidChunkSize)
        #expect(bench.service.errors.count == 1 && bench.socket.closes.isEmpty)
        #expect(try bench.sent() == nil)
    }

    @Test("a head that takes too long is 408; a body that does is told to the service")
    func timeouts() throws {
        let head = try ConnectionBench()
        head.fire(ConnectionTimeout.head)
        #expect(try head.sent()?.head.status == .requestTimeout)
        #expect(head.socket.closes == [.output])

        let body = try ConnectionBench()
        try body.channel.writeInbound(ConnectionBench.head([("content-length", "3")]))
        body.fire(ConnectionTimeout.body)
        #expect(body.service.errors.first as? ConnectionTimeout == .body && body.socket.closes.isEmpty)
    }

    @Test("closing the output is what ends the stream, once")
    func closeOutput() throws {
        let bench = try ConnectionBench()
        try bench.channel.close(mode: .output).wait()
        try bench.channel.close(mode: .output).wait()
        #expect(bench.socket.closes == [.output] && bench.activity.phase == .linger)
    }
}
