-- When somebody was last seen at each call.
-- KEYS 1 calls by when they were last attended (Redis ms)
-- returns {now in ms, call_control_id, instant in ms, call_control_id, instant in ms …}
local time = redis.call('TIME')
local found = {tostring(time[1] * 1000 + math.floor(time[2] / 1000))}
for _, part in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1, 'WITHSCORES')) do
  found[#found + 1] = part
end
return found
