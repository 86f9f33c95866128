import Telemetry
import Testing

@Suite("traceparent (W3C Trace Context)")
struct TraceParentTests {
    private static let trace = "0af7651916cd43dd8448eb211c80319c"
    private static let span = "b7ad6b7169203331"

    @Test("what is written is read back, and the flag of sampling with it")
    func roundTrip() {
        for isSampled in [true, false] {
            let parent = TraceParent(trace: Self.trace, span: Self.span, isSampled: isSampled)
            #expect(TraceParent(parent.text) == parent)
        }
    }

    @Test("unknown flags are let be, and of a later version is read what this one has")
    func lenient() {
        #expect(TraceParent("00-\(Self.trace)-\(Self.span)-ff")?.isSampled == true)
        #expect(TraceParent("00-\(Self.trace)-\(Self.span)-02")?.isSampled == false)
        #expect(TraceParent("cc-\(Self.trace)-\(Self.span)-01-what-may-come")?.trace == Self.trace)
    }

    @Test(
        "what the recommendation says is to be ignored is",
        arguments: [
            "", "00", "00-\(trace)-\(span)", "00-\(trace)-\(span)-01-x", "ff-\(trace)-\(span)-01",
            "00-00000000000000000000000000000000-\(span)-01", "00-\(trace)-0000000000000000-01",
            "00-\(trace.uppercased())-\(span)-01", "00-\(trace)0-\(span)-01", "00-\(trace)-\(span)-1",
            "00-\(trace)-\(span)-0g", "0-\(trace)-\(span)-01", " 00-\(trace)-\(span)-01", "00_\(trace)_\(span)_01",
            "00-\(trace.dropLast())é-\(span)-01",
        ])
    func ignored(text: String) {
        #expect(TraceParent(text) == nil)
    }
}
