internal import Glibc

/// What Prometheus' clients tell of every process, by the names that dashboards know.
public enum ProcessFacts {
    /// Declares the series in a registry; their values are asked of the kernel when they are told.
    public static func declare(in registry: MetricsRegistry) {
        registry.declare("process_cpu_seconds_total", .counter, "Seconds of CPU that this process used.") {
            let (user, system) = (number(14), number(15))
            return (user + system) / Double(sysconf(Int32(_SC_CLK_TCK)))
        }
        registry.declare("process_resident_memory_bytes", .gauge, "Bytes of memory that are resident.") {
            number(24) * Double(sysconf(Int32(_SC_PAGESIZE)))
        }
        registry.declare("process_start_time_seconds", .gauge, "When this process began, in seconds since 1970.") {
            start
        }
        registry.declare("process_open_fds", .gauge, "Files and connections that are open.") { openFiles }
        registry.declare("process_max_fds", .gauge, "Files and connections that may be open.") {
            var limit = rlimit()
            return unsafe getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0
                ? Double(limit.rlim_cur) : 0
        }
    }

    private static let start: Double = {
        var now = timespec()
        unsafe clock_gettime(CLOCK_BOOTTIME, &now)
        let up = Double(now.tv_sec) + Double(now.tv_nsec) / 1e9
        var wall = timespec()
        unsafe clock_gettime(CLOCK_REALTIME, &wall)
        let began = number(22) / Double(sysconf(Int32(_SC_CLK_TCK)))
        return (Double(wall.tv_sec) + Double(wall.tv_nsec) / 1e9 - up + began).rounded()
    }()

    /// A field of `/proc/self/stat` by its number in proc(5); they are counted from behind the name, which may hold anything.
    private static func number(_ field: Int) -> Double {
        guard let file = unsafe fopen("/proc/self/stat", "r") else { return 0 }
        defer { unsafe fclose(file) }
        var bytes = [CChar](repeating: 0, count: 1_024)
        let count = unsafe fread(&bytes, 1, bytes.count - 1, file)
        let text = String(decoding: bytes[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self)
        let fields = text[(text.lastIndex(of: ")") ?? text.startIndex)...].split(separator: " ")
        return fields.indices.contains(field - 2) ? Double(fields[field - 2]) ?? 0 : 0
    }

    private static var openFiles: Double {
        guard let folder = unsafe opendir("/proc/self/fd") else { return 0 }
        defer { unsafe closedir(folder) }
        var count = 0
        while unsafe readdir(folder) != nil { count += 1 }
        // Besides the two dots, the one that is read by.
        return Double(max(0, count - 3))
    }
}
