-- An attempt leaves for the claim KEYS[1]; the first one dates it.
-- ARGV: parameters, owner, wall in ns, lease in ms, kept in ms. Answers: age in ms, wall.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('HSETNX', KEYS[1], 'p', ARGV[1])
redis.call('HSET', KEYS[1], 'o', ARGV[2], 'l', string.format('%.0f', now + ARGV[4]))
if redis.call('HSETNX', KEYS[1], 't', string.format('%.0f', now)) == 1 then
  redis.call('HSET', KEYS[1], 'w', ARGV[3])
  redis.call('PEXPIRE', KEYS[1], ARGV[5])
end
local left, wall = unpack(redis.call('HMGET', KEYS[1], 't', 'w'))
return {math.max(0, now - left), wall}
