-- Use a token up, if it is still the one that was compared.
-- KEYS 1 gone · 2 stream_token
-- ARGV 1 what was read and compared · 2 'used:' and the mark of this redemption
-- returns 1 for exactly one redemption (also when that very one is repeated because its answer got lost)
if redis.call('EXISTS', KEYS[1]) == 1 then return 0 end
local current = redis.call('GET', KEYS[2])
if current == ARGV[2] then return 1 end
if current ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[2], ARGV[2], 'KEEPTTL')
return 1
