-- What is outstanding and not overdue.
-- KEYS 1 playbacks
-- returns {playback_id, 'generation:number:deadline', remaining ms, …}
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local entries, found = redis.call('HGETALL', KEYS[1]), {}
for index = 1, #entries, 2 do
  local left = tonumber(string.match(entries[index + 1], '([^:]+)$')) - now
  if left > 0 then
    found[#found + 1] = entries[index]
    found[#found + 1] = entries[index + 1]
    found[#found + 1] = string.format('%.0f', left)
  end
end
return found
