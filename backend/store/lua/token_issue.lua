-- KEYS 1 gone · 2 stream_token
-- ARGV 1 what to keep of the token · 2 TTL in s
-- returns 0 when the call is finished
if redis.call('EXISTS', KEYS[1]) == 1 then return 0 end
redis.call('SET', KEYS[2], ARGV[1], 'EX', ARGV[2])
return 1
