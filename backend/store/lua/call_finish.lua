-- Delete everything of a call and put up its tombstone.
-- KEYS 1 gone · 2 audio_names · 3.. every other key the call may have
-- ARGV 1 TTL of the tombstone in s · 2 prefix of the clips' keys (same hash tag, hence same slot)
-- returns how many keys there were
redis.call('SET', KEYS[1], '1', 'EX', ARGV[1])
local deleted = 0
for _, name in ipairs(redis.call('SMEMBERS', KEYS[2])) do
  deleted = deleted + redis.call('DEL', ARGV[2] .. name)
end
for index = 2, #KEYS do
  deleted = deleted + redis.call('DEL', KEYS[index])
end
return deleted
