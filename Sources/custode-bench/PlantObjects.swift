import Foundation
import Glibc

/// `plant`: makes the files of many jobs, as the service would have left them, but without a sync.
///
/// Reads lines of user and job, separated by a tab, and makes an input and a transcript of each. Prints how many.
struct PlantObjects {
    let root: String

    init(_ arguments: Arguments) throws { root = try arguments.text("root") }

    func callAsFunction() throws {
        let text = Array("A transcript of no great length.\n".utf8)
        var users: Set<String> = []
        var count = 0
        try Self.makeFolder("\(root)/users")
        while let line = readLine() {
            let fields = line.split(separator: "\t")
            guard fields.count == 2 else { throw BenchError("expected user and job, got \(line)") }
            let (user, job) = ("\(root)/users/\(fields[0])", "\(root)/users/\(fields[0])/jobs/\(fields[1])")
            if users.insert(user).inserted {
                try Self.makeFolder(user)
                try Self.makeFolder(user + "/jobs")
            }
            for folder in [job, job + "/input", job + "/output"] { try Self.makeFolder(folder) }
            for name in ["input/original.wav", "output/transcript.txt"] {
                let file = open("\(job)/\(name)", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o640)
                guard file >= 0 else { throw BenchError.system("open") }
                defer { close(file) }
                guard write(file, text, text.count) == text.count else { throw BenchError.system("write") }
                count += 1
            }
        }
        print("objects=\(count)")
    }

    private static func makeFolder(_ path: String) throws(BenchError) {
        guard mkdir(path, 0o750) == 0 || errno == EEXIST else { throw .system("mkdir") }
    }
}
