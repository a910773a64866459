-- Releases the lease on the record KEYS[1]. Deletes a record without an attempt. ARGV: owner.
local owner, sent = unpack(redis.call('HMGET', KEYS[1], 'o', 't'))
if owner == ARGV[1] then
  if sent then
    redis.call('HDEL', KEYS[1], 'o', 'l')
  else
    redis.call('DEL', KEYS[1])
  end
end
return redis.status_reply('OK')
