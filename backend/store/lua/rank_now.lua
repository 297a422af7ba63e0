-- Enter a name under this moment, and drop the oldest names beyond the most that may stay.
-- KEYS 1 the ranking
-- ARGV 1 name · 2 TTL in s · 3 most names, 0 for no bound
-- returns the names that were dropped
local time = redis.call('TIME')
redis.call('ZADD', KEYS[1], string.format('%.0f', time[1] * 1000 + math.floor(time[2] / 1000)), ARGV[1])
redis.call('EXPIRE', KEYS[1], ARGV[2])
local most = tonumber(ARGV[3])
local surplus = most > 0 and redis.call('ZCARD', KEYS[1]) - most or 0
if surplus <= 0 then return {} end
local dropped = redis.call('ZRANGE', KEYS[1], 0, surplus - 1)
redis.call('ZREM', KEYS[1], unpack(dropped))
return dropped
