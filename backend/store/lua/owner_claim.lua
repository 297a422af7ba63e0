-- KEYS 1 gone · 2 owner
-- ARGV 1 worker_id · 2 TTL in s · 3 '1' = even if another worker owns it
-- returns 1 when the worker owns the call now
if redis.call('EXISTS', KEYS[1]) == 1 then return 0 end
local current = redis.call('GET', KEYS[2])
if current and current ~= ARGV[1] and ARGV[3] ~= '1' then return 0 end
redis.call('SET', KEYS[2], ARGV[1], 'EX', ARGV[2])
return 1
