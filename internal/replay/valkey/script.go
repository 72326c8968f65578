package valkey

import "countersign.dev/internal/valkeylink"

// What the script answers first; the server's second and its mark follow.
const (
	answerReplay    = 0
	answerFresh     = 1
	answerDrift     = 2
	answerForgotten = 3
)

// claimScript decides one claim, by the server's clock.
//
// A key may be forgotten from the second stop = expires + 2*drift + 1 on. That is late enough: let a later claim of the key
// be made when the server's second is s >= stop, through a node whose clock reads n and whose own allowed drift is d. It is
// answered by drift unless |s - n| <= d, so that n >= s - d >= expires + 2*drift + 1 - d. For d <= 2*drift that is n >=
// expires + 1: the claim has expired by the node's own clock, and is refused before the server is asked. So no claim that
// can still be let in finds its key forgotten, though nodes may be apart by the sum of their drifts and their allowed drifts
// by a factor of two. A replica that takes over with another clock forgets by that clock, and the same holds for it.
//
// What that proof needs is that the server's clock does not go back behind a second at which keys were forgotten. So the
// latest second that was ever seen is kept beside the keys, as the mark: by each claim, also one that is answered by drift,
// and by each node at each beat, which brings the mark along that it has seen itself. An unknown key whose stop is not behind
// the mark may have been forgotten, and is not fresh.
//
// All numbers are seconds, and far below 2^53 where they count: expires is at most MaxAhead behind a now that lies within the
// drift of the server's clock. Seconds become milliseconds as text.
//
// KEYS: the claim, the mark. ARGV: expires, now, drift, the latest second that the node has seen.
var claimScript = valkeylink.NewScript(takeMark + `
local expires, now, drift = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
if math.abs(server - now) > drift then return {2, server, mark} end
local stop = expires + 2 * drift + 1
local function keep()
  redis.call('SET', KEYS[1], string.format('%d', stop), 'PXAT', string.format('%d000', stop))
end
local held = redis.call('GET', KEYS[1])
if held then
  if stop > tonumber(held) then keep() end
  return {0, server, mark}
end
if stop <= mark then return {3, server, mark} end
keep()
return {1, server, mark}
`)

// markScript raises the mark. KEYS: the mark twice, so that its place is that of claimScript. ARGV: the last as there.
var markScript = valkeylink.NewScript(takeMark + `
return {server, mark}
`)

// takeMark reads the clock and raises the mark to it.
const takeMark = `
local server = tonumber(redis.call('TIME')[1])
local kept = tonumber(redis.call('GET', KEYS[2]) or '0')
local mark = math.max(kept, server, tonumber(ARGV[#ARGV]))
if mark > kept then redis.call('SET', KEYS[2], string.format('%d', mark)) end
`
