-- What a worker of a queue does: receive ten, acknowledge these ten, again and again.
-- `queue_work.lua <kinesis or sqs> <ARN or URL of the queue>`, with as many threads as connections:
-- a thread then has one connection, and the answer that it sees is that to its last request.

local BY_API = {
  kinesis = {
    content_type = "application/x-amz-json-1.1",
    receive = { "Kinesis_20131202.ReceiveQueueRecords", '{"QueueARN":"%s","Limit":10,"WaitTimeSeconds":1}' },
    acknowledge = { "Kinesis_20131202.AcknowledgeQueueRecords", '{"QueueARN":"%s","Entries":[%s]}' },
    entry = '{"ReceiptHandle":"%s"}',
  },
  sqs = {
    content_type = "application/x-amz-json-1.0",
    receive = { "AmazonSQS.ReceiveMessage", '{"QueueUrl":"%s","MaxNumberOfMessages":10,"WaitTimeSeconds":1}' },
    acknowledge = { "AmazonSQS.DeleteMessageBatch", '{"QueueUrl":"%s","Entries":[%s]}' },
    entry = '{"Id":"%d","ReceiptHandle":"%s"}',
  },
}

local threads = {}
local api, queue, scope, receive, entries
-- Read by `done` of every thread.
acknowledged, refused, empty = 0, 0, 0

local function made(call, ...)
  local headers = {
    ["Authorization"] = "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20250101/us-east-1/" .. scope .. "/aws4_request, "
      .. "SignedHeaders=host;x-amz-date;x-amz-target, Signature=" .. ("0123456789abcdef"):rep(4),
    ["Content-Type"] = api.content_type,
    ["X-Amz-Date"] = "20250101T000000Z",
    ["X-Amz-Target"] = call[1],
  }
  return wrk.format("POST", "/", headers, call[2]:format(...))
end

function setup(thread)
  threads[#threads + 1] = thread
end

function init(arguments)
  scope, queue = arguments[1], arguments[2]
  api = BY_API[scope]
  receive = made(api.receive, queue)
end

function request()
  return entries and made(api.acknowledge, queue, table.concat(entries, ",")) or receive
end

function response(status, _, body)
  if entries then
    if status == 200 and not body:find('Code"', 1, true) then
      acknowledged = acknowledged + #entries
    else
      refused = refused + #entries
    end
    entries = nil
    return
  end
  local found = {}
  for handle in body:gmatch('"ReceiptHandle"%s*:%s*"([^"]*)"') do
    found[#found + 1] = scope == "sqs" and api.entry:format(#found, handle) or api.entry:format(handle)
  end
  if #found > 0 then entries = found else empty = empty + 1 end
end

-- One line of JSON, for `queues.py`.
function done(summary)
  local sums = { acknowledged = 0, refused = 0, empty = 0 }
  for _, thread in ipairs(threads) do
    for name, sum in pairs(sums) do sums[name] = sum + thread:get(name) end
  end
  local errors = summary.errors
  print(('{"seconds": %.6f, "acknowledged": %d, "refused": %d, "empty": %d, "broken": %d}'):format(
    summary.duration / 1e6, sums.acknowledged, sums.refused, sums.empty,
    errors.status + errors.connect + errors.read + errors.write + errors.timeout))
end
