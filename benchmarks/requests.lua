-- Sends the requests of a file, each once: a line with its length, then its bytes.
local requests, number = {}, 0

function init(args)
  local file = assert(io.open(args[1], "rb"))
  while true do
    local length = file:read("*l")
    if not length then break end
    requests[#requests + 1] = file:read(tonumber(length))
  end
  file:close()
end

function request()
  number = number % #requests + 1
  return requests[number]
end

-- An answer with errors has a part missing: it does not count as one.
local thread
partial = 0

function setup(made)
  thread = made
end

function response(status, headers, body)
  if body:find('"errors":', 1, true) then partial = partial + 1 end
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    '\nRESULT {"requests": %d, "partial": %d, "micros": %d, "p50_micros": %d, "p99_micros": %d, '
    .. '"failed": %d}\n',
    summary.requests, thread:get("partial"), summary.duration, latency:percentile(50),
    latency:percentile(99),
    errors.connect + errors.read + errors.write + errors.status + errors.timeout))
end
