package admin

import "time"

// SetTick gives the streams of a server another clock.
func SetTick(s *Server, tick func(time.Duration) (<-chan time.Time, func())) { s.tails.tick = tick }

// TailsAll is how many streams there may be.
const TailsAll, TailsEach = tailsAll, tailsEach
