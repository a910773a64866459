-- Reserves calls of the quota KEYS[1], a hash, for one replica, by the server's clock.
-- ARGV: 1 replica, 2 rate (micro-calls a second), 3 depth (micro-calls), 4 longest wait (us),
--   5 calls (0: only report; below 0: refund), 6 weight of the replica, 7 its report, 8 '1': drain,
--   9 the level (micro-calls) from which nobody waits for a turn
-- Answers: 'slot' | 'later' | 'noted', wait (us), level (micro-calls), weight of the others with
--   work, replicas that are there, factor, its age (ms), the others' reports.
-- Fields: t time (us), d debt (micro-calls), f factor, F its time (us), and of each replica
--   r:ID "seen:last slot:busy until:weight" (us), c:ID its report.
local HORIZON, GRACE, THERE, GONE = 20000, 100000, 5000000, 60000000
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local me, rate, depth = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local calls, weight = tonumber(ARGV[5]), tonumber(ARGV[6])
local flat, state, replicas = redis.call('HGETALL', KEYS[1]), {}, {}
for i = 1, #flat, 2 do
  state[flat[i]] = flat[i + 1]
  local id = string.match(flat[i], '^r:(.*)')
  if id then
    local seen, last, busy, w = string.match(flat[i + 1], '(%d+):(%d+):(%d+):(%d+)')
    replicas[id] = {seen = tonumber(seen), last = tonumber(last), busy = tonumber(busy), weight = tonumber(w)}
  end
end
local whole = function(number) return string.format('%.0f', number) end
local write = function(id)
  local r = replicas[id]
  redis.call('HSET', KEYS[1], 'r:' .. id, whole(r.seen) .. ':' .. whole(r.last) .. ':' .. whole(r.busy) .. ':' .. whole(r.weight))
end
local before = tonumber(state.t) or now
if before > now then
  -- The clock was set back: what was is brought to its time, and nothing is refilled for it.
  for id, r in pairs(replicas) do
    r.seen, r.last, r.busy = math.min(r.seen, now), math.min(r.last, now), math.min(r.busy, now + GRACE)
    write(id)
  end
  before = now
end
-- A missing key is an empty bucket.
local debt = tonumber(state.d) or depth
debt = math.min(debt, depth * 4 + 60 * rate)
debt = math.max(0, debt - math.floor((now - before) * rate / 1000000))
if ARGV[8] == '1' then debt = math.max(debt, depth) end
local mine = replicas[me] or {last = 0, busy = 0}
mine.seen, mine.weight = now, weight
replicas[me] = mine
local others, there, reports = 0, 0, {}
for id, r in pairs(replicas) do
  if now - r.seen <= THERE then there = there + 1 end
  if id ~= me and r.busy > now then
    others = others + r.weight
    reports[#reports + 1] = state['c:' .. id]
  end
  if now - r.seen > GONE then redis.call('HDEL', KEYS[1], 'r:' .. id, 'c:' .. id) end
end
local answer, wait = 'noted', 0
local stride = math.abs(calls) * (others + weight) / math.max(1, weight) * 1000000 * 1000000 / rate
if calls < 0 then
  debt = math.max(0, debt + calls * 1000000)
  mine.last = math.max(0, mine.last - stride)
elseif calls > 0 then
  local after = debt + calls * 1000000
  local by_quota = math.max(0, math.ceil((after - depth) * 1000000 / rate))
  local due = math.max(mine.last + stride, now - stride)
  local by_turn = math.max(0, due - now)
  local unused = depth - debt >= math.max(tonumber(ARGV[9]), calls * 1000000)
  local horizon = math.max(HORIZON, 1000000 * 1000000 / rate)
  if by_quota > tonumber(ARGV[4]) then
    answer, wait = 'later', by_quota - tonumber(ARGV[4])
  elseif by_turn > horizon and not unused and others > 0 then
    answer, wait = 'later', math.min(math.max(by_turn - horizon, 5000), 50000)
  else
    answer, wait, debt = 'slot', by_quota, after
    if others > 0 and not unused then wait = math.max(by_quota, by_turn) end
    mine.last = math.min(due, now + 2 * stride)
  end
  mine.busy = now + wait + GRACE
end
write(me)
redis.call('HSET', KEYS[1], 't', whole(now), 'd', whole(debt), 'c:' .. me, ARGV[7])
redis.call('PEXPIRE', KEYS[1], 600000)
local age = 0
if state.F then age = math.max(0, math.floor((now - state.F) / 1000)) end
return {answer, math.ceil(wait), depth - debt, others, there, state.f or '', age, table.concat(reports, ',')}
