-- Read a flag and take it down; whoever gets the value is the only one.
-- KEYS 1 flag
-- returns the value or false
local value = redis.call('GET', KEYS[1])
if value then redis.call('DEL', KEYS[1]) end
return value
