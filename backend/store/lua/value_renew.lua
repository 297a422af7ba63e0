-- One value, with its life begun anew. One that is gone stays gone: whoever ended it meanwhile has ended it.
-- KEYS 1 any string
-- ARGV 1 its life from now on in s
-- returns it, or nil
local value = redis.call('GET', KEYS[1])
if value then redis.call('EXPIRE', KEYS[1], ARGV[1]) end
return value
