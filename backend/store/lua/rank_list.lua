-- The names entered within the last moments; older ones are dropped.
-- KEYS 1 the ranking
-- ARGV 1 how long a name stays, in ms
-- returns the names, oldest first
local time = redis.call('TIME')
local oldest = time[1] * 1000 + math.floor(time[2] / 1000) - ARGV[1]
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', string.format('(%.0f', oldest))
return redis.call('ZRANGE', KEYS[1], 0, -1)
