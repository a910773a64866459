-- Reads the record KEYS[1]. With ARGV[3], also acquires its lease and records an attempt, unless
-- another owner holds the lease or the session exists.
-- ARGV: owner, lease in ms, sealed dates of the attempt or '', lifetime of the record in ms.
-- Returns: the store's time in ms, 1 if another owner holds the lease, sealed dates, sealed session.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local owner, lease_end, dates, session = unpack(redis.call('HMGET', KEYS[1], 'o', 'l', 'd', 's'))
-- More time left than a whole lease means that the clock was set back: ignore that lease.
local left = (tonumber(lease_end or 0) or 0) - now
local held = owner and owner ~= ARGV[1] and left > 0 and left <= tonumber(ARGV[2])
if ARGV[3] ~= '' and not held and not session then
  redis.call('HSET', KEYS[1], 'o', ARGV[1], 'l', string.format('%.0f', now + ARGV[2]))
  if redis.call('HSETNX', KEYS[1], 'd', ARGV[3]) == 1 then
    redis.call('PEXPIRE', KEYS[1], ARGV[4])
    dates = ARGV[3]
  end
end
return {now, held and 1 or 0, dates or '', session or ''}
