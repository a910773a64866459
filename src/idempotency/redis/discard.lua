-- Deletes the record KEYS[1], unless it has changed. ARGV: the sealed dates and session, or ''.
local dates, session = unpack(redis.call('HMGET', KEYS[1], 'd', 's'))
if (dates or '') == ARGV[1] and (session or '') == ARGV[2] then
  redis.call('DEL', KEYS[1])
end
return redis.status_reply('OK')
