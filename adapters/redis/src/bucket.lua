-- Takes a permit out of the bucket KEYS[1] (generic cell rate algorithm), or puts one back: ARGV = burst, period in
-- microseconds, "take" or "give_back".
-- A bucket is "debt instant": what was taken and not yet back at that instant. A permit costs `period`, a microsecond
-- gives back `burst`, a bucket holds `burst * period`: whole numbers, so nothing is lost by rounding.
local burst, period = tonumber(ARGV[1]), tonumber(ARGV[2])
local capacity = burst * period
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000000 + tonumber(time[2])

local debt, at, foreign, moved = 0, now, 0, false
local kept = redis.pcall('GET', KEYS[1])
if type(kept) == 'table' and kept.err then
  if not string.find(kept.err, 'WRONGTYPE', 1, true) then return kept end
  foreign = 1
elseif kept then
  local was_debt, was_at = string.match(kept, '^(%d+) (%d+)$')
  if was_debt then debt, at = tonumber(was_debt), tonumber(was_at) else foreign = 1 end
end
if at > now then at, moved = now, true end -- the clock of the server was set back
debt = math.max(0, math.min(debt, capacity) - math.min(now - at, period) * burst)

local granted = true
if ARGV[3] == 'give_back' then
  debt = math.max(0, debt - period)
else
  granted = debt + period <= capacity
  if granted then debt = debt + period end
end
if granted or moved or foreign == 1 then
  local lifetime = math.ceil(debt / burst / 1000) + 1000
  redis.call('SET', KEYS[1], string.format('%.0f %.0f', debt, now), 'PX', string.format('%.0f', lifetime))
end
local wait = granted and 0 or math.ceil((debt + period - capacity) / burst)
return { granted and 1 or 0, math.floor((capacity - debt) / period), math.ceil(debt / burst), wait, foreign }
