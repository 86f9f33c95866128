import BlobStores
import CustodeCore
import CustodeTesting
import Foundation
import Glibc
import NIOCore
import NIOPosix
import Testing

@Suite("folders that go while uploads run")
struct FolderRaceTests {
    @Test("an upload whose folder is removed under it fails cleanly or succeeds: what was published is there")
    func uploads() async throws {
        let bucket = try TestBucket()
        var outcomes: [(String, BlobStoreError?)] = []
        for round in 0..<50 where outcomes.allSatisfy({ $0.1 == nil }) {
            // A user's own folders are never removed, only those of jobs.
            let jobs = bucket.path("users/u\(round)/jobs")
            try FileManager.default.createDirectory(atPath: jobs, withIntermediateDirectories: true)
            let remover = FolderRemover(jobs)
            outcomes += await withTaskGroup(of: [(String, BlobStoreError?)].self) { group in
                for worker in 0..<4 {
                    group.addTask {
                        var outcomes: [(String, BlobStoreError?)] = []
                        for number in 0..<100 {
                            outcomes.append(await Self.publish(bucket.store, round, worker, number))
                        }
                        return outcomes
                    }
                }
                return await group.reduce(into: []) { $0 += $1 }
            }
            remover.stop()
        }
        let published = outcomes.filter { $0.1 == nil }.map(\.0)
        #expect(bucket.files == published.sorted())
        for (key, error) in outcomes {
            switch error {
            case nil: #expect(try await bucket.store.bytes(key) == [1, 2, 3])
            case .unavailable: #expect(await bucket.store.refusal(key) == .absent)
            default: Issue.record("\(key): \(String(describing: error))")
            }
        }
        #expect(!published.isEmpty && published.count < outcomes.count)
        let descriptors = try FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd").filter { name in
            let target = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/fd/" + name)
            return target?.hasPrefix(bucket.folder.path + "/") == true
        }
        #expect(descriptors.isEmpty, "what failed has let go of its folders")
    }

    private static func publish(
        _ store: DirectoryStore, _ round: Int, _ worker: Int, _ number: Int
    ) async -> (String, BlobStoreError?) {
        // Workers share jobs, so that one finds folders that another has made.
        guard let key = try? key("\(number / 2)", suffix: "aaaa\(worker + 2)\(number % 2 + 2)", user: "u\(round)")
        else {
            return ("", .absent)
        }
        do throws(BlobStoreError) {
            let upload = try await store.beginUpload(as: key, expectedSize: nil)
            do throws(BlobStoreError) {
                try await upload.write(ByteBuffer(bytes: [1, 2, 3]))
                _ = try await upload.seal()
                try await upload.publish(as: key)
                await upload.discard()
            } catch {
                await upload.discard()
                throw error
            }
            return (key.text, nil)
        } catch {
            return (key.text, error)
        }
    }
}
