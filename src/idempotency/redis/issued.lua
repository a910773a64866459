-- Stores the session of the record KEYS[1]. Creates the record again if the store has lost it.
-- ARGV: sealed session, lifetime of the record in ms.
redis.call('HSET', KEYS[1], 's', ARGV[1])
redis.call('HDEL', KEYS[1], 'o', 'l')
if redis.call('PTTL', KEYS[1]) < 0 then
  redis.call('PEXPIRE', KEYS[1], ARGV[2])
end
return redis.status_reply('OK')
