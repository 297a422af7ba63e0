-- KEYS 1 owner
-- ARGV 1 worker_id
-- returns 1 when it was the owner's
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('DEL', KEYS[1])
