-- Takes the claim KEYS[1] for a replica, or says who was there before.
-- ARGV: parameters, owner, lease in ms. Answers: state, age in ms or -1, wall, sealed session.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local lease = tonumber(ARGV[3])
local record = redis.call('HMGET', KEYS[1], 'p', 'o', 'l', 't', 'w', 's')
local parameters, owner, held_until, left, wall, sealed = unpack(record)
if parameters and parameters ~= ARGV[1] then
  return {'conflict', -1, '', ''}
end
local age = -1
if left then age = math.max(0, now - left) end
if sealed and left then
  return {'issued', age, wall, sealed}
end
-- A lease further off than it can be was given before the clock was set back.
if owner and owner ~= ARGV[2] and held_until then
  local rest = held_until - now
  if rest > 0 and rest <= lease then
    return {'held', age, wall or '', ''}
  end
end
redis.call('HSET', KEYS[1], 'p', ARGV[1], 'o', ARGV[2], 'l', string.format('%.0f', now + lease))
if not left then redis.call('PEXPIRE', KEYS[1], lease) end
return {'ours', age, wall or '', ''}
