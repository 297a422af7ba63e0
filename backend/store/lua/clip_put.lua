-- KEYS 1 gone · 2 the clip · 3 audio_names
-- ARGV 1 secret, newline, WAV · 2 TTL of the clip in s · 3 its name · 4 TTL of the names in s
-- returns 0 when the call is finished
if redis.call('EXISTS', KEYS[1]) == 1 then return 0 end
redis.call('SET', KEYS[2], ARGV[1], 'EX', ARGV[2])
redis.call('SADD', KEYS[3], ARGV[3])
redis.call('EXPIRE', KEYS[3], ARGV[4])
return 1
