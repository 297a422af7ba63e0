-- Events of a stream after a given one.
-- KEYS 1 stream
-- ARGV 1 id of the event before ("": from the beginning; "0-0": all there is) · 2 how many at most
-- returns {how, id, name, data, id, name, data …}; how: 0 no such stream · 1 nothing is missing before the first
--         2 something is (that event is not there, or not any more): these are from the oldest that is kept
local oldest = redis.call('XRANGE', KEYS[1], '-', '+', 'COUNT', 1)[1]
if not oldest then return {0} end
local after, how = ARGV[1], 1
if after == '' then
  after = '0-0'
  if oldest[2][8] and oldest[2][8] ~= '1' then how = 2 end
elseif after ~= '0-0' and #redis.call('XRANGE', KEYS[1], after, after) == 0 then
  after, how = '0-0', 2
end
local found = {how}
for _, entry in ipairs(redis.call('XRANGE', KEYS[1], '(' .. after, '+', 'COUNT', ARGV[2])) do
  found[#found + 1] = entry[1]
  found[#found + 1] = entry[2][2]
  found[#found + 1] = entry[2][4]
end
return found
