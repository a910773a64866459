-- Acquires the lease on the record KEYS[1], unless another owner holds it or the session exists.
-- ARGV: parameters, owner, lease in ms. Returns: state, age in ms or -1, wall in ns, sealed session.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local lease = tonumber(ARGV[3])
local record = redis.call('HMGET', KEYS[1], 'p', 'o', 'l', 't', 'w', 's')
local parameters, owner, lease_end, sent, wall, sealed = unpack(record)
if parameters and parameters ~= ARGV[1] then
  return {'conflict', -1, '', ''}
end
local age = -1
if sent then age = math.max(0, now - sent) end
if sealed and sent then
  return {'issued', age, wall, sealed}
end
-- More time left than a whole lease means that the clock was set back: ignore that lease.
if owner and owner ~= ARGV[2] and lease_end then
  local left = lease_end - now
  if left > 0 and left <= lease then
    return {'held', age, wall or '', ''}
  end
end
redis.call('HSET', KEYS[1], 'p', ARGV[1], 'o', ARGV[2], 'l', string.format('%.0f', now + lease))
if not sent then redis.call('PEXPIRE', KEYS[1], lease) end
return {'acquired', age, wall or '', ''}
