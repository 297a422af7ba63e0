-- Say that a call is running, and what it is at. Told to the watchers of all calls when that is news.
-- KEYS 1 calls that are watched over, by their last sign of life (Redis ms) · 2 what each is at · 3 stream of all calls
-- ARGV 1 call_control_id · 2 what it is at, as JSON · 3 TTL of all three in s · 4 how many events to keep · 5 channel
-- returns 1 when it was news
local time = redis.call('TIME')
redis.call('ZADD', KEYS[1], time[1] * 1000 + math.floor(time[2] / 1000), ARGV[1])
local before = redis.call('HGET', KEYS[2], ARGV[1])
redis.call('HSET', KEYS[2], ARGV[1], ARGV[2])
redis.call('EXPIRE', KEYS[1], ARGV[3])
redis.call('EXPIRE', KEYS[2], ARGV[3])
redis.call('EXPIRE', KEYS[3], ARGV[3])
if before == ARGV[2] then return 0 end
redis.call('XADD', KEYS[3], 'MAXLEN', ARGV[4], '*', 'name', before and 'call_changed' or 'call_started', 'data', ARGV[2])
redis.call('EXPIRE', KEYS[3], ARGV[3])
redis.call('PUBLISH', ARGV[5], '')
return 1
