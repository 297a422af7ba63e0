-- A playback is about to be asked for, or is said to have started.
-- KEYS 1 gone · 2 playbacks · 3 ended_playbacks · 4 playback_progress
-- ARGV 1 playback_id · 2 generation · 3 number · 4 deadline in ms from now · 5 TTL in s
-- returns 1 when it counts as outstanding, 0 when not: the call is finished, the generation void, or it has ended
if redis.call('EXISTS', KEYS[1]) == 1 then return 0 end
local generation, number = tonumber(ARGV[2]), tonumber(ARGV[3])
if generation < tonumber(redis.call('HGET', KEYS[4], 'floor') or '0') then return 0 end
if redis.call('ZSCORE', KEYS[3], ARGV[1]) then return 0 end
local time = redis.call('TIME')
local deadline = time[1] * 1000 + math.floor(time[2] / 1000) + tonumber(ARGV[4])
local known = redis.call('HGET', KEYS[2], ARGV[1])
if known then
  -- Said again (a duplicate, or playback.started after register): its time may only be prolonged.
  deadline = math.max(deadline, tonumber(string.match(known, '([^:]+)$')))
end
redis.call('HSET', KEYS[2], ARGV[1], generation .. ':' .. number .. ':' .. string.format('%.0f', deadline))
local newest = 'newest:' .. generation
if number > tonumber(redis.call('HGET', KEYS[4], newest) or '0') then
  redis.call('HSET', KEYS[4], newest, number)
end
redis.call('EXPIRE', KEYS[2], ARGV[5])
redis.call('EXPIRE', KEYS[4], ARGV[5])
return 1
