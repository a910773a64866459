-- Records an attempt in the record KEYS[1], unless an earlier one is recorded. Renews the lease.
-- ARGV: parameters, owner, wall in ns, lease in ms, lifetime of the record in ms.
-- Returns the first attempt: age in ms, wall in ns.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('HSETNX', KEYS[1], 'p', ARGV[1])
redis.call('HSET', KEYS[1], 'o', ARGV[2], 'l', string.format('%.0f', now + ARGV[4]))
if redis.call('HSETNX', KEYS[1], 't', string.format('%.0f', now)) == 1 then
  redis.call('HSET', KEYS[1], 'w', ARGV[3])
  redis.call('PEXPIRE', KEYS[1], ARGV[5])
end
local sent, wall = unpack(redis.call('HMGET', KEYS[1], 't', 'w'))
return {math.max(0, now - sent), wall}
