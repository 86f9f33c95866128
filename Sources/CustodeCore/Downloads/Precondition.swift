/// The conditions a request puts on the object's current state (RFC 9110 §13).
public struct Precondition: Sendable, Equatable {
    /// What a condition on entity tags names.
    public enum Tags: Sendable, Equatable {
        /// `*`: any current object.
        case any
        /// These tags; weak ones are kept with their prefix and never match strongly.
        case listed([String])
    }

    /// `If-Match`.
    public var ifMatch: Tags?
    /// `If-None-Match`.
    public var ifNoneMatch: Tags?
    /// `If-Modified-Since`, if it could be read.
    public var ifModifiedSince: Timestamp?
    /// `If-Unmodified-Since`, if it could be read.
    public var ifUnmodifiedSince: Timestamp?

    /// No condition.
    public init() {}

    /// What a reader is to be answered.
    public enum ReadVerdict: Sendable, Equatable {
        /// The object.
        case proceed
        /// 304: the reader has it already.
        case notModified
        /// 412.
        case failed
    }

    /// Decides a `GET` or `HEAD` of an existing object, in the order of RFC 9110 §13.2.2.
    public func forReading(_ etag: ETag, modified: Timestamp) -> ReadVerdict {
        if let ifMatch {
            guard Self.strongly(ifMatch, etag) else { return .failed }
        } else if let ifUnmodifiedSince, modified.seconds > ifUnmodifiedSince.seconds {
            return .failed
        }
        if let ifNoneMatch {
            return Self.weakly(ifNoneMatch, etag) ? .notModified : .proceed
        }
        if let ifModifiedSince, modified.seconds <= ifModifiedSince.seconds { return .notModified }
        return .proceed
    }

    /// Decides a `PUT`: what must be so when it is published.
    ///
    /// - Throws: ``Refusal/preconditionFailed(current:)``, and ``Refusal/exists(_:)`` if nothing asks for
    ///   a replacement of what is there.
    public func forWriting(over current: ObjectRecord?) throws(Refusal) -> Publication.Expectation {
        if let ifMatch {
            guard let current, Self.strongly(ifMatch, current.etag) else {
                throw .preconditionFailed(current: current?.etag)
            }
            if let ifNoneMatch, Self.weakly(ifNoneMatch, current.etag) {
                throw .preconditionFailed(current: current.etag)
            }
            return .matches(current.etag)
        }
        guard let current else { return .absent }
        if let ifNoneMatch, Self.weakly(ifNoneMatch, current.etag) {
            throw .preconditionFailed(current: current.etag)
        }
        throw .exists(current)
    }

    /// Decides a `DELETE` of what a job refers to: what must be so when it is forgotten.
    ///
    /// - Parameter current: `nil` for a reference that has no tag, which no listed tag matches.
    /// - Throws: ``Refusal/preconditionFailed(current:)``.
    public func forDeleting(_ current: ObjectRecord?) throws(Refusal) -> Publication.Expectation {
        if let ifNoneMatch, current.map({ Self.weakly(ifNoneMatch, $0.etag) }) ?? (ifNoneMatch == .any) {
            throw .preconditionFailed(current: current?.etag)
        }
        guard let ifMatch, ifMatch != .any else { return .present }
        guard let current, Self.strongly(ifMatch, current.etag) else {
            throw .preconditionFailed(current: current?.etag)
        }
        return .matches(current.etag)
    }

    private static func strongly(_ tags: Tags, _ etag: ETag) -> Bool {
        switch tags {
        case .any: true
        case .listed(let list): list.contains(etag.text)
        }
    }

    private static func weakly(_ tags: Tags, _ etag: ETag) -> Bool {
        switch tags {
        case .any: true
        case .listed(let list): list.contains { ($0.hasPrefix("W/") ? String($0.dropFirst(2)) : $0) == etag.text }
        }
    }
}

extension Precondition.Tags {
    /// Reads `*` or a list of entity tags (RFC 9110 §8.8.3); `nil` if it is neither.
    public init?(_ field: String) {
        let text = field.utf8.drop { $0 == 0x20 || $0 == 0x09 }
        if text.elementsEqual("*".utf8) || (text.first == 0x2A && text.dropFirst().allSatisfy { $0 == 0x20 }) {
            self = .any
            return
        }
        var tags: [String] = []
        var rest = text
        while true {
            rest = rest.drop { $0 == 0x20 || $0 == 0x09 || $0 == 0x2C }
            guard !rest.isEmpty else { break }
            var tag: [UInt8] = []
            if rest.starts(with: "W/".utf8) {
                tag += "W/".utf8
                rest = rest.dropFirst(2)
            }
            guard rest.popFirst() == 0x22, let end = rest.firstIndex(of: 0x22) else { return nil }
            tag += [0x22] + rest[..<end] + [0x22]
            rest = rest[rest.index(after: end)...]
            let gap = rest.drop { $0 == 0x20 || $0 == 0x09 }
            guard gap.isEmpty || gap.first == 0x2C else { return nil }
            tags.append(String(decoding: tag, as: UTF8.self))
        }
        guard !tags.isEmpty else { return nil }
        self = .listed(tags)
    }
}
