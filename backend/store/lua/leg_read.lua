-- Read a leg for a swap.
-- KEYS 1 gone · 2 leg
-- returns {1 when the call is finished else 0, the leg's JSON or false, Redis' time in ms}
local time = redis.call('TIME')
local now_ms = string.format('%.0f', time[1] * 1000 + math.floor(time[2] / 1000))
return {redis.call('EXISTS', KEYS[1]), redis.call('GET', KEYS[2]), now_ms}
