-- KEYS 1 seen
-- ARGV 1 'working:' and the mark of this claim · 2 TTL in s
-- returns 'first' (also when this very claim is repeated), 'working' or 'done'
local current = redis.call('GET', KEYS[1])
if not current then
  redis.call('SET', KEYS[1], ARGV[1], 'EX', ARGV[2])
  return 'first'
end
if current == ARGV[1] then return 'first' end
if current == 'done' then return 'done' end
return 'working'
