package valkey

import "countersign.dev/internal/valkeylink"

// What the script is asked to do with the buckets, its first argument.
const (
	modeTake = "take" // take from all if all have room
	modeLook = "look" // say what each would
	modeBack = "back" // give back what was taken
)

// perBucket is how many arguments, and how many numbers of the answer, each bucket has.
const (
	argsPerBucket = 8
	perBucket     = 5
	answerHead    = 3
)

// takeScript asks buckets. It is State.Ask of package rate in Lua, with what is owed instead of the moment when nothing is:
// a key holds the server's time when it was last looked at, how long after that the burst is whole again, the day and its
// count. Time that the server's clock goes back counts as none.
//
// Whole numbers in Lua are exact up to 2^53. None comes near: seconds are below 2^34, sums of nanoseconds below 2^31, sums of
// rests below 2^31 (rate.Parts), and a count grows by one a request. A quota above 2^53 may be rounded on its way, and is
// not reached either way.
//
// KEYS: the buckets. ARGV: the mode, then for each bucket the rate (0: none), the step and the span in seconds, nanoseconds
// and rest each, and the quota (0: none). Answer: whether all have room, the server's seconds and nanoseconds, then for each
// bucket what it owed before the request in seconds, nanoseconds and rest, the day and its count.
var takeScript = valkeylink.NewScript(`
local t = redis.call('TIME')
local sec, ns = tonumber(t[1]), tonumber(t[2]) * 1000
local mode, today, G = ARGV[1], math.floor(tonumber(t[1]) / 86400), 1000000000

local function less(as, an, ar, bs, bn, br)
  if as ~= bs then return as < bs end
  if an ~= bn then return an < bn end
  return ar < br
end
local function add(as, an, ar, bs, bn, br, rate)
  as, an, ar = as + bs, an + bn, ar + br
  if ar >= rate then an, ar = an + 1, ar - rate end
  if an >= G then as, an = as + 1, an - G end
  return as, an, ar
end
local function sub(as, an, ar, bs, bn, br, rate)
  as, an, ar = as - bs, an - bn, ar - br
  if ar < 0 then an, ar = an - 1, ar + rate end
  if an < 0 then as, an = as - 1, an + G end
  if as < 0 then return 0, 0, 0 end
  return as, an, ar
end

local function read(key)
  local raw = redis.call('GET', key)
  if not raw then return {ds = 0, dn = 0, dr = 0, day = 0, count = 0} end
  local v = {}
  for word in string.gmatch(raw, '%d+') do v[#v + 1] = tonumber(word) end
  local b = {known = true, ds = v[3], dn = v[4], dr = v[5], day = v[6], count = v[7]}
  local es, en = sec - v[1], ns - v[2]
  if en < 0 then es, en = es - 1, en + G end
  if es < 0 then
    b.mend = true
  else
    b.ds, b.dn = b.ds - es, b.dn - en
    if b.dn < 0 then b.ds, b.dn = b.ds - 1, b.dn + G end
    if b.ds < 0 then b.ds, b.dn, b.dr = 0, 0, 0 end
  end
  return b
end

local function write(key, b)
  local last = b.ds + 2
  if b.count > 0 then last = math.max(last, (b.day + 2) * 86400 - sec) end
  redis.call('SET', key, string.format('%d %d %d %d %d %d %d', sec, ns, b.ds, b.dn, b.dr, b.day, b.count), 'EX', string.format('%d', math.max(last, 60)))
end

local answer, state, all = {1, sec, ns}, {}, true
for i = 1, #KEYS do
  local a = {}
  for j = 1, 8 do a[j] = tonumber(ARGV[(i - 1) * 8 + 1 + j]) end
  local b = read(KEYS[i])
  for _, field in ipairs({'ds', 'dn', 'dr', 'day', 'count'}) do answer[#answer + 1] = b[field] end
  if a[1] > 0 then
    b.dr = math.min(b.dr, a[1] - 1)
    if mode == 'back' then
      b.ds, b.dn, b.dr = sub(b.ds, b.dn, b.dr, a[2], a[3], a[4], a[1])
    else
      if less(a[5], a[6], a[7], b.ds, b.dn, b.dr) then b.ds, b.dn, b.dr, b.mend = a[5], a[6], a[7], true end
      b.ts, b.tn, b.tr = add(b.ds, b.dn, b.dr, a[2], a[3], a[4], a[1])
      if less(a[5], a[6], a[7], b.ts, b.tn, b.tr) then all = false end
    end
  end
  if a[8] > 0 then
    if mode == 'back' then
      b.count = math.max(b.count - 1, 0)
    else
      if b.day < today then
        b.day, b.count = today, 0
      elseif b.day > today + 1 then
        b.day, b.mend = today + 1, true
      end
      if b.count >= a[8] then all = false end
      b.quota = true
    end
  end
  state[i] = b
end
if not all then answer[1] = 0 end
for i = 1, #KEYS do
  local b = state[i]
  if mode == 'take' and all then
    if b.ts then b.ds, b.dn, b.dr = b.ts, b.tn, b.tr end
    if b.quota then b.count = b.count + 1 end
    write(KEYS[i], b)
  elseif b.known and (mode == 'back' or mode == 'take' and b.mend) then
    write(KEYS[i], b)
  end
end
return answer
`)
