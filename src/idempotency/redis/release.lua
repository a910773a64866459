-- Gives the claim KEYS[1] up. ARGV: owner. Where nothing was sent, nothing is kept.
local owner, left = unpack(redis.call('HMGET', KEYS[1], 'o', 't'))
if owner == ARGV[1] then
  if left then
    redis.call('HDEL', KEYS[1], 'o', 'l')
  else
    redis.call('DEL', KEYS[1])
  end
end
return redis.status_reply('OK')
