-- Add events to what is told of a call. Safe to repeat: events that are there already are skipped.
-- KEYS 1 gone · 2 the call's stream
-- ARGV 1 TTL in s · 2 TTL once it has ended · 3 how many to keep · 4 who writes · 5 number of the first event
--      6 channel · 7 call_control_id · 8 "1": begin the stream if there is none · 9.. name, data, name, data …
-- returns how many were added; -1 when the story has ended, or the call is finished
local newest = redis.call('XREVRANGE', KEYS[2], '+', '-', 'COUNT', 1)[1]
local known = 0
if newest then
  local fields = newest[2]
  if fields[2] == 'ended' then return -1 end
  if fields[6] == ARGV[4] then known = tonumber(fields[8]) end
elseif ARGV[8] ~= '1' or redis.call('EXISTS', KEYS[1]) == 1 then
  return -1
end
local number, added, ttl = tonumber(ARGV[5]), 0, ARGV[1]
for index = 9, #ARGV, 2 do
  if number > known then
    redis.call('XADD', KEYS[2], 'MAXLEN', ARGV[3], '*',
      'name', ARGV[index], 'data', ARGV[index + 1], 'by', ARGV[4], 'number', number)
    added = added + 1
    if ARGV[index] == 'ended' then
      ttl = ARGV[2]
      break
    end
  end
  number = number + 1
end
if redis.call('EXISTS', KEYS[2]) == 1 then redis.call('EXPIRE', KEYS[2], ttl) end
if added > 0 then redis.call('PUBLISH', ARGV[6], ARGV[7]) end
return added
