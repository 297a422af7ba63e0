-- A playback ended. The last one raises the flag.
-- KEYS 1 gone · 2 playbacks · 3 ended_playbacks · 4 playback_progress · 5 flag agent_done_speaking · 6 owner
-- ARGV 1 playback_id · 2 generation · 3 number · 4 TTL in s · 5 TTL of the flag in s · 6 how many ended ones to keep
-- returns {1 when it was outstanding, how many still are, 1 when the flag was raised, owner or false}
if redis.call('EXISTS', KEYS[1]) == 1 then return {0, 0, 0, false} end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local owner = redis.call('GET', KEYS[6])

local function remember(id, number)
  redis.call('ZADD', KEYS[3], number, id)
  redis.call('ZREMRANGEBYRANK', KEYS[3], 0, -1 - tonumber(ARGV[6]))
  redis.call('EXPIRE', KEYS[3], ARGV[4])
end

local floor = tonumber(redis.call('HGET', KEYS[4], 'floor') or '0')
local void = tonumber(ARGV[2]) < floor
local was = redis.call('HDEL', KEYS[2], ARGV[1])
if not void then remember(ARGV[1], ARGV[3]) end

local remaining, overdue = 0, {}
local entries = redis.call('HGETALL', KEYS[2])
for index = 1, #entries, 2 do
  local number, deadline = string.match(entries[index + 1], '^[^:]+:([^:]+):([^:]+)$')
  if tonumber(deadline) > now then
    remaining = remaining + 1
  else
    overdue[#overdue + 1] = {entries[index], number}
  end
end
if was == 0 or void or remaining > 0 then return {was, remaining, 0, owner} end

-- Nothing is left but what is overdue: its end got lost, so it counts as ended now and can raise nothing later.
for _, entry in ipairs(overdue) do
  redis.call('HDEL', KEYS[2], entry[1])
  remember(entry[1], entry[2])
end
local generation, up_to = -1, 0
local progress = redis.call('HGETALL', KEYS[4])
for index = 1, #progress, 2 do
  local found = tonumber(string.match(progress[index], '^newest:(.+)$') or '-1')
  if found > generation then generation, up_to = found, tonumber(progress[index + 1]) end
end
local value = generation .. ':' .. up_to
if redis.call('HGET', KEYS[4], 'flagged') == value then return {was, 0, 0, owner} end
redis.call('HSET', KEYS[4], 'flagged', value)
redis.call('EXPIRE', KEYS[4], ARGV[4])
redis.call('SET', KEYS[5], value, 'EX', ARGV[5])
return {was, 0, 1, owner}
