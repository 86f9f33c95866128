-- wrk: sends the requests of a file in turn. Each line is a method, a path and, if there is one, a body:
--
--     wrk … -s requests.lua URL -- FILE
--
-- They are put together once, before the clock starts, so that the client costs the same whatever it sends.
local threads = 0

function setup(thread)
    thread:set("first", threads * 17)
    threads = threads + 1
end

function init(args)
    requests = {}
    for line in io.lines(args[1]) do
        local method, path, body = line:match("^(%S+) (%S+) ?(.*)$")
        if body == "" then body = nil end
        requests[#requests + 1] = wrk.format(method, path, nil, body)
    end
    turn = first
end

function request()
    turn = turn + 1
    return requests[turn % #requests + 1]
end

function done(summary, latency)
    local errors = summary.errors
    io.write(string.format("per_second=%.1f\n", summary.requests / summary.duration * 1e6))
    io.write(string.format("p99_ms=%.2f\n", latency:percentile(99) / 1000))
    io.write(string.format("failed=%d\n",
        errors.status + errors.connect + errors.read + errors.write + errors.timeout))
end
