-- Barge-in: generations below ARGV 1 are void, with all that is outstanding in them, and so is a flag of theirs.
-- KEYS 1 gone · 2 playbacks · 3 playback_progress · 4 flag agent_done_speaking
-- ARGV 1 the lowest generation that still counts · 2 TTL in s
-- returns how many playbacks were removed
if redis.call('EXISTS', KEYS[1]) == 1 then return 0 end
local below = tonumber(ARGV[1])
local removed = 0
local entries = redis.call('HGETALL', KEYS[2])
for index = 1, #entries, 2 do
  if tonumber(string.match(entries[index + 1], '^([^:]+)')) < below then
    removed = removed + redis.call('HDEL', KEYS[2], entries[index])
  end
end
for _, name in ipairs(redis.call('HKEYS', KEYS[3])) do
  local generation = string.match(name, '^newest:(.+)$')
  if generation and tonumber(generation) < below then redis.call('HDEL', KEYS[3], name) end
end
if below > tonumber(redis.call('HGET', KEYS[3], 'floor') or '0') then
  redis.call('HSET', KEYS[3], 'floor', below)
end
redis.call('EXPIRE', KEYS[3], ARGV[2])
local flag = redis.call('GET', KEYS[4])
if flag and tonumber(string.match(flag, '^([^:]+)')) < below then redis.call('DEL', KEYS[4]) end
return removed
