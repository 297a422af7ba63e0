-- The live calls, oldest first, without those too old to be true.
-- KEYS 1 calls:live
-- ARGV 1 oldest start that can still be a call (wall s)
-- returns {id, started_at, id, started_at, …}
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', '(' .. ARGV[1])
return redis.call('ZRANGE', KEYS[1], 0, -1, 'WITHSCORES')
