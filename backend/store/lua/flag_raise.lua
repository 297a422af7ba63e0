-- KEYS 1 gone · 2 flag · 3 owner
-- ARGV 1 value · 2 TTL in s
-- returns {1 when raised, 0 when the call is finished, owner or false}
if redis.call('EXISTS', KEYS[1]) == 1 then return {0, false} end
redis.call('SET', KEYS[2], ARGV[1], 'EX', ARGV[2])
return {1, redis.call('GET', KEYS[3])}
