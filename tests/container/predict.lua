-- wrk … -s predict.lua URL -- FILE: POST the body in FILE; report on one line, as JSON.
function init(arguments)
  wrk.method = "POST"
  wrk.headers["Content-Type"] = "application/json"
  wrk.body = assert(io.open(arguments[1], "rb")):read("*a")
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    '{"requests": %d, "seconds": %.3f, "p50": %.4f, "p99": %.4f, "slowest": %.4f, ' ..
    '"connect": %d, "read": %d, "write": %d, "timeout": %d, "status": %d}\n',
    summary.requests, summary.duration / 1e6,
    latency:percentile(50) / 1e6, latency:percentile(99) / 1e6, latency.max / 1e6,
    errors.connect, errors.read, errors.write, errors.timeout, errors.status))
end
