-- KEYS 1 calls:live
-- ARGV 1 call_control_id
return redis.call('ZREM', KEYS[1], ARGV[1])
