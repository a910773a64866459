-- Stores the session of the record KEYS[1]. Creates the record again if the store has lost it.
-- ARGV: parameters, sealed session, wall in ns, age in ms, lifetime of the record in ms.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('HSETNX', KEYS[1], 'p', ARGV[1])
if redis.call('HSETNX', KEYS[1], 't', string.format('%.0f', now - ARGV[4])) == 1 then
  redis.call('HSET', KEYS[1], 'w', ARGV[3])
  redis.call('PEXPIRE', KEYS[1], ARGV[5])
end
redis.call('HSETNX', KEYS[1], 's', ARGV[2])
redis.call('HDEL', KEYS[1], 'o', 'l')
return redis.status_reply('OK')
