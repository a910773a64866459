-- Reserves calls of the quota KEYS[1], a hash, for one replica, on the server's clock.
-- The quota is a bucket in the form of GCRA (generic cell rate algorithm): the debt grows with
-- each call, shrinks at the rate, and a call conforms once the debt is at most the depth.
-- Replicas with waiting callers take turns by weight (stride scheduling).
-- ARGV: 1 replica, 2 rate (micro-calls a second), 3 depth (micro-calls), 4 longest wait (us),
--   5 calls (0: only report; below 0: refund), 6 weight of the replica, 7 its report to
--   exchange, or '',
--   8 the number of replicas before the replica was isolated, if it returns; '0' if it starts, '' if it
--     does neither, 9 the level (micro-calls) from which calls need no turn, 10 for how long it had no
--     reply (us)
-- Reply: 'slot' (reserved) | 'later' (retry) | 'noted', wait (us), level (micro-calls), weight of
--   the other replicas with waiting callers, number of present replicas, factor, how long the quota
--   was in use since it was cut to that (ms), the reports of the other replicas with waiting callers,
--   and those of the rest, the share (millionths) of the rate at which the bucket fills.
-- Fields: t time (us), d debt (micro-calls), f factor, F the time of that cut (us), u the time in use
--   since then (us), U until when it is in use (us), b when the replicas began to return (us), e the
--   share (millionths) that each of them used until then, and of each replica
--   r:ID "last seen:last turn:busy until:weight" (us), and c:ID its report.
-- A field that cannot be read is absent.
-- A replica that is late takes up to CREDIT of its turns at once.
-- The bucket does not know of the calls of isolated replicas. When the first of them returns, the bucket
-- is emptied. It then fills at the shares of those that have returned, because the others use theirs.
-- A replica that was silent for ALIVE_WITHIN before the outage had stopped, and is not waited for.
local MIN_HORIZON, CREDIT, BUSY_FOR, PRESENT_FOR, FORGET_AFTER = 20000, 100000, 100000, 5000000, 60000000
local ACTIVE_FOR, ALIVE_WITHIN, RETURN_WITHIN = 600000, 2000000, 30000000
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local id, rate, depth = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local calls, weight = tonumber(ARGV[5]), tonumber(ARGV[6])
local flat, fields, replicas = redis.call('HGETALL', KEYS[1]), {}, {}
for i = 1, #flat, 2 do
  fields[flat[i]] = flat[i + 1]
  local replica_id = string.match(flat[i], '^r:(.*)')
  if replica_id then
    local seen, turn, busy, w = string.match(flat[i + 1], '(%d+):(%d+):(%d+):(%d+)')
    if seen then replicas[replica_id] = {seen = tonumber(seen), turn = tonumber(turn), busy = tonumber(busy), weight = tonumber(w)} end
  end
end
local integer = function(number) return string.format('%.0f', number) end
local write_replica = function(replica_id)
  local r = replicas[replica_id]
  redis.call('HSET', KEYS[1], 'r:' .. replica_id, integer(r.seen) .. ':' .. integer(r.turn) .. ':' .. integer(r.busy) .. ':' .. integer(r.weight))
end
local updated_at = tonumber(fields.t) or now
if updated_at > now then
  -- The clock was set back: clamp all times to it, and refill nothing for the difference.
  for replica_id, r in pairs(replicas) do
    r.seen, r.turn, r.busy = math.min(r.seen, now), math.min(r.turn, now), math.min(r.busy, now + BUSY_FOR)
    write_replica(replica_id)
  end
  updated_at, fields.U = now, now
end
local used, used_until = math.max(0, tonumber(fields.u) or 0), tonumber(fields.U) or 0
-- A missing key is an empty bucket: the debt is the whole depth.
local debt = tonumber(fields.d) or depth
debt = math.min(debt, depth * 4 + 60 * rate)
local own = replicas[id] or {seen = 0, turn = 0, busy = 0}
replicas[id] = own
local began, share, active = tonumber(fields.b) or 0, tonumber(fields.e) or 0, false
local returned = function()
  local count = 0
  for _, r in pairs(replicas) do
    if r.seen >= began then count = count + 1 end
  end
  return now >= began and now - began < RETURN_WITHIN and share > 0 and math.min(1, count * share / 1000000) or 1
end
debt = math.max(0, debt - math.floor((now - updated_at) * rate * returned() / 1000000))
for replica_id, r in pairs(replicas) do active = active or (replica_id ~= id and now - r.seen < ACTIVE_FOR) end
if ARGV[8] ~= '' then
  debt = math.max(debt, depth)
  local expected, last_reply = tonumber(ARGV[8]), now - tonumber(ARGV[10])
  if not active and expected > 0 then
    -- A store that was emptied has forgotten the replicas.
    if own.seen > 0 then
      expected = 1
      for replica_id, r in pairs(replicas) do
        if replica_id ~= id and r.seen >= last_reply - ALIVE_WITHIN then expected = expected + 1 end
      end
    end
    -- After the same outage the replicas may return more than once.
    local repeated = began >= last_reply and share > 0
    share = math.min(repeated and share or 1000000, math.ceil(1000000 / expected))
    began = now
    redis.call('HSET', KEYS[1], 'b', integer(began), 'e', integer(share))
  end
end
own.seen, own.weight = now, weight
if share > 0 and share < 1000000 and returned() == 1 then
  -- All have returned: if one of them shuts down, the others do not wait for it.
  share = 1000000
  redis.call('HSET', KEYS[1], 'e', integer(share))
end
rate = rate * returned()
local others_weight, present, busy, quiet = 0, 0, {}, {}
for replica_id, r in pairs(replicas) do
  if now - r.seen <= PRESENT_FOR then present = present + 1 end
  if replica_id ~= id then
    local reports = r.busy > now and busy or now - r.seen <= PRESENT_FOR and quiet or {}
    if r.busy > now then others_weight = others_weight + r.weight end
    if ARGV[7] ~= '' then reports[#reports + 1] = fields['c:' .. replica_id] end
  end
  if now - r.seen > FORGET_AFTER then redis.call('HDEL', KEYS[1], 'r:' .. replica_id, 'c:' .. replica_id) end
end
if returned() < 1 then present = math.max(present, math.floor(1000000 / share + 0.5)) end
local outcome, wait = 'noted', 0
local stride = math.abs(calls) * (others_weight + weight) / math.max(1, weight) * 1000000 * 1000000 / rate
if calls < 0 then
  debt = math.max(0, debt + calls * 1000000)
  own.turn = math.max(0, own.turn - stride)
elseif calls > 0 then
  local debt_after = debt + calls * 1000000
  local quota_wait = math.max(0, math.ceil((debt_after - depth) * 1000000 / rate))
  local turn = math.max(own.turn + stride, now - math.max(stride, CREDIT))
  local turn_wait = math.max(0, turn - now)
  local no_contention = depth - debt >= math.max(tonumber(ARGV[9]), calls * 1000000)
  local horizon = math.max(MIN_HORIZON, 1000000 * 1000000 / rate)
  if quota_wait > tonumber(ARGV[4]) then
    outcome, wait = 'later', quota_wait - tonumber(ARGV[4])
  elseif turn_wait > horizon and not no_contention and others_weight > 0 then
    outcome, wait = 'later', math.min(math.max(turn_wait - horizon, 5000), 50000)
  else
    outcome, wait, debt = 'slot', quota_wait, debt_after
    if others_weight > 0 and not no_contention then wait = math.max(quota_wait, turn_wait) end
    own.turn = math.min(turn, now + 2 * stride)
    -- The quota is in use until another call would conform.
    local conforms_at = now + math.max(0, math.ceil((debt_after + 1000000 - depth) * 1000000 / rate))
    used = used + math.max(0, conforms_at - math.max(now, used_until))
    used_until = math.max(used_until, conforms_at)
  end
  own.busy = now + wait + BUSY_FOR
end
write_replica(id)
redis.call('HSET', KEYS[1], 't', integer(now), 'd', integer(debt), 'u', integer(used), 'U', integer(used_until))
if ARGV[7] ~= '' then redis.call('HSET', KEYS[1], 'c:' .. id, ARGV[7]) end
redis.call('PEXPIRE', KEYS[1], 600000)
return {outcome, math.ceil(wait), depth - debt, others_weight, present, fields.f or '', math.floor(used / 1000), busy, quiet, math.floor(returned() * 1000000)}
