-- Take everything out. Asked again with the same mark, it gives the same again: the first answer got lost.
-- KEYS 1 mailbox · 2 mailbox_taken
-- ARGV 1 mark of this taking · 2 TTL in s of what was taken
-- returns the facts, oldest first
if redis.call('LINDEX', KEYS[2], 0) == ARGV[1] then return redis.call('LRANGE', KEYS[2], 1, -1) end
local facts = redis.call('LRANGE', KEYS[1], 0, -1)
redis.call('DEL', KEYS[1], KEYS[2])
if #facts > 0 then
  redis.call('RPUSH', KEYS[2], ARGV[1], unpack(facts))
  redis.call('EXPIRE', KEYS[2], ARGV[2])
end
return facts
