-- KEYS 1 gone · 2 mailbox · 3 owner
-- ARGV 1 the fact as JSON · 2 TTL in s · 3 how many to keep (the oldest go)
-- returns {1 when posted, 0 when the call is finished, owner or false}
if redis.call('EXISTS', KEYS[1]) == 1 then return {0, false} end
redis.call('RPUSH', KEYS[2], ARGV[1])
redis.call('LTRIM', KEYS[2], -tonumber(ARGV[3]), -1)
redis.call('EXPIRE', KEYS[2], ARGV[2])
return {1, redis.call('GET', KEYS[3])}
