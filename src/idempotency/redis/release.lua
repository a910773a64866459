-- Releases the lease on the record KEYS[1]. ARGV: owner.
if redis.call('HGET', KEYS[1], 'o') == ARGV[1] then
  redis.call('HDEL', KEYS[1], 'o', 'l')
end
return redis.status_reply('OK')
