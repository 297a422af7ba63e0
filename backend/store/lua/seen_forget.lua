-- KEYS 1 seen
-- returns 1 when a claim was released; what is done stays done
local current = redis.call('GET', KEYS[1])
if not current or current == 'done' then return 0 end
return redis.call('DEL', KEYS[1])
