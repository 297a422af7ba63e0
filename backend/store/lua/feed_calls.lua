-- The running calls, after forgetting one of them, and those without a sign of life for too long: their owner died.
-- KEYS 1 calls by their last sign of life (Redis ms) · 2 what each is at · 3 stream of all calls
-- ARGV 1 age in ms at which a call counts as gone · 2 how many events to keep · 3 channel
--      4 call_control_id of one that is over, or "" · 5 TTL of the stream in s
-- returns {id of the newest event, what a call is at as JSON, what a call is at …}, oldest call_control_id first
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local over = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', '(' .. (now - ARGV[1]))
if ARGV[4] ~= '' then over[#over + 1] = ARGV[4] end
for _, call in ipairs(over) do
  redis.call('ZREM', KEYS[1], call)
  if redis.call('HDEL', KEYS[2], call) == 1 then
    redis.call('XADD', KEYS[3], 'MAXLEN', ARGV[2], '*',
      'name', 'call_ended', 'data', cjson.encode({call_control_id = call}))
    redis.call('EXPIRE', KEYS[3], ARGV[5])
    redis.call('PUBLISH', ARGV[3], '')
  end
end
local newest = redis.call('XREVRANGE', KEYS[3], '+', '-', 'COUNT', 1)[1]
local found = {newest and newest[1] or '0-0'}
local calls = redis.call('HKEYS', KEYS[2])
table.sort(calls)
for _, call in ipairs(calls) do
  found[#found + 1] = redis.call('HGET', KEYS[2], call)
end
return found
