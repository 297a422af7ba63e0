-- Add a call to the live ones; its first start time stays.
-- KEYS 1 calls:live
-- ARGV 1 call_control_id · 2 started_at (wall s) · 3 TTL in s
redis.call('ZADD', KEYS[1], 'NX', ARGV[2], ARGV[1])
redis.call('EXPIRE', KEYS[1], ARGV[3])
return 1
