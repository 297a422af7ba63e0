-- Take a name out.
-- KEYS 1 the ranking
-- ARGV 1 name
-- returns 1 when it was in
return redis.call('ZREM', KEYS[1], ARGV[1])
