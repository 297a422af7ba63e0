-- Replace a leg if it is still what was read.
-- KEYS 1 gone · 2 leg
-- ARGV 1 what was read ('' = nothing) · 2 the new JSON, unique by its swap mark · 3 TTL in s
--      4 valid until (Redis ms): a swap that was stuck on the way longer than its sender waited must not happen,
--        because the sender has already reported a failure and its commands will not be carried out
-- returns 1 swapped (or this very swap was done before: its answer got lost) · 0 changed meanwhile · -1 finished
--         -2 too late
if redis.call('EXISTS', KEYS[1]) == 1 then return -1 end
local current = redis.call('GET', KEYS[2]) or ''
if current == ARGV[2] then return 1 end
local time = redis.call('TIME')
if time[1] * 1000 + math.floor(time[2] / 1000) > tonumber(ARGV[4]) then return -2 end
if current ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[2], ARGV[2], 'EX', ARGV[3])
return 1
