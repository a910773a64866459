-- Sets the adaptive factor of the quota KEYS[1] (the multiplicative decrease of AIMD), at most
-- once in an epoch of the server's clock.
-- ARGV: factor, epoch (us).
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local last_cut = tonumber(redis.call('HGET', KEYS[1], 'F') or 0) or 0
if last_cut > now or now - last_cut >= tonumber(ARGV[2]) then
  redis.call('HSET', KEYS[1], 'f', ARGV[1], 'F', string.format('%.0f', now), 'u', '0')
end
return redis.status_reply('OK')
