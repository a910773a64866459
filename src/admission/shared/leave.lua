-- Removes a replica from the quota KEYS[1]: it has shut down, and makes no more calls.
-- ARGV: replica.
local field = function(name) return redis.call('HGET', KEYS[1], name) or '' end
local seen = tonumber(string.match(field('r:' .. ARGV[1]), '^%d+')) or 0
local began, share = tonumber(field('b')) or 0, tonumber(field('e')) or 0
-- One replica fewer will return after the outage, if this one has not.
if seen > 0 and seen < began and share > 0 and share < 1000000 then
  local without = math.min(1000000, math.ceil(share * 1000000 / (1000000 - share)))
  redis.call('HSET', KEYS[1], 'e', string.format('%.0f', without))
end
redis.call('HDEL', KEYS[1], 'r:' .. ARGV[1], 'c:' .. ARGV[1])
return redis.status_reply('OK')
