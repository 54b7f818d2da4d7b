-- Sends the bodies of a file in turn, and prints the metrics of the run as one line of JSON.
-- Arguments: the file, which has one body per line, with \r for a line end within it; the Content-Type.

local requests = {}
local position = 0

function init(args)
  wrk.method = "POST"
  wrk.headers["Content-Type"] = args[2]
  for body in io.lines(args[1]) do
    requests[#requests + 1] = wrk.format(nil, nil, nil, (body:gsub("\r", "\n")))
  end
end

function request()
  position = position % #requests + 1
  return requests[position]
end

function done(summary, latency, _)
  local errors = summary.errors
  io.write(string.format(
    '\n{"requests": %d, "microseconds": %d, "p50": %d, "p99": %d, ' ..
    '"connect": %d, "read": %d, "write": %d, "timeout": %d, "status": %d}\n',
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99),
    errors.connect, errors.read, errors.write, errors.timeout, errors.status))
end
