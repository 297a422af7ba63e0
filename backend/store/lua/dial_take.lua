-- One dial within both limits, or none: a sliding window over the instants of the past dials.
-- KEYS 1 dials of all · 2 dials of this number
-- ARGV 1 dial id · 2 window of all in ms · 3 window of the number in ms · 4 limit of all · 5 limit of the number
-- returns {1 when allowed (also when this very dial was allowed before), ms until it may be, 'all' | 'number' | ''}
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
if redis.call('ZSCORE', KEYS[2], ARGV[1]) then return {1, 0, ''} end
local wait, which = 0, ''
for index, name in ipairs({'all', 'number'}) do
  local window, limit = tonumber(ARGV[index + 1]), tonumber(ARGV[index + 3])
  redis.call('ZREMRANGEBYSCORE', KEYS[index], '-inf', string.format('%.0f', now - window))
  local used = redis.call('ZCARD', KEYS[index])
  if used >= limit then
    local until_free = window
    if limit > 0 then
      local freeing = redis.call('ZRANGE', KEYS[index], used - limit, used - limit, 'WITHSCORES')
      until_free = tonumber(freeing[2]) + window - now
    end
    if until_free >= wait then wait, which = until_free, name end
  end
end
if which ~= '' then return {0, math.max(1, wait), which} end
for index = 1, 2 do
  redis.call('ZADD', KEYS[index], string.format('%.0f', now), ARGV[1])
  redis.call('PEXPIRE', KEYS[index], ARGV[index + 1])
end
return {1, 0, ''}
