-- Sends ready bodies in turn: `ready_requests.lua <operation> <file with one body a line> <content type>`.
-- A body that is not JSON is in hexadecimal digits.
--
-- Nothing is made while the clock runs, and answers are not looked into: that would cost wrk, which
-- shares the machine with the server, and hold up the fastest server most. wrk itself counts the
-- answers whose status is an error, and the bytes that came.

local requests, turn = {}, 0

local AUTHORIZATION = "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20250101/us-east-1/kinesis/aws4_request, "
  .. "SignedHeaders=host;x-amz-date;x-amz-target, Signature=" .. ("0123456789abcdef"):rep(4)

function init(arguments)
  local operation, bodies, content_type = arguments[1], arguments[2], arguments[3]
  -- No server under test verifies signatures, but each may read the caller from this one.
  local headers = {
    ["Authorization"] = AUTHORIZATION,
    ["Content-Type"] = content_type,
    ["X-Amz-Date"] = "20250101T000000Z",
    ["X-Amz-Target"] = "Kinesis_20131202." .. operation,
  }
  for body in io.lines(bodies) do
    if content_type ~= "application/x-amz-json-1.1" then
      body = body:gsub("..", function(digits) return string.char(tonumber(digits, 16)) end)
    end
    requests[#requests + 1] = wrk.format("POST", "/", headers, body)
  end
end

function request()
  turn = turn % #requests + 1
  return requests[turn]
end

-- One line of JSON, for `wrk.py`.
function done(summary)
  local errors = summary.errors
  print(('{"seconds": %.6f, "answers": %d, "bytes": %d, "not_200": %d, "broken": %d, "timeouts": %d}'):format(
    summary.duration / 1e6, summary.requests, summary.bytes, errors.status,
    errors.connect + errors.read + errors.write, errors.timeout))
end
