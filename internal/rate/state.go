package rate

import "time"

// State is what an engine remembers of one bucket. The zero value is a bucket that nobody has used. A value; engines keep
// it as they like and may write down Day and Count alone, since the rest means nothing after a restart.
type State struct {
	due   int64 // when the burst will be whole again, in nanoseconds of the engine's clock
	rest  int32 // and parts of a nanosecond
	Day   int32 // the day that Count is about, as DayOf counts them
	Count int64 // requests let in on that day
}

// DayOf is the number of now's day in UTC, counted from 1970.
func DayOf(now time.Time) int32 {
	seconds := now.Unix()
	day := seconds / 86400
	if seconds%86400 < 0 {
		day--
	}
	return int32(day)
}

// Idle reports whether s says no more than the zero value, so that it can be forgotten: the burst is whole at elapsed, and
// nothing was counted today or on a day to come.
func (s State) Idle(elapsed time.Duration, today int32) bool {
	return (s.due < int64(elapsed) || s.due == int64(elapsed) && s.rest == 0) && (s.Count == 0 || s.Day < today)
}

// Ask writes into b what it says of one more request, at elapsed on the engine's clock, which never goes back, and now on
// the calendar's. It returns what to remember if the request is let in, and if it is refused: not always s, since what a
// lowered limit or the calendar has left behind is mended.
func (s State) Ask(b *Bucket, elapsed time.Duration, now time.Time) (taken, refused State) {
	b.Outcome, b.Wait = Room, 0
	taken = s
	if b.Pace != nil {
		s, taken = s.askPace(b, int64(elapsed))
	}
	if b.Daily > 0 {
		s.Day, s.Count = sameDay(s, DayOf(now))
		taken.Day, taken.Count = s.Day, s.Count
		taken.askDay(b, now)
	}
	return taken, s
}

// askPace looks at the rate. The first state is s, mended.
func (s State) askPace(b *Bucket, now int64) (mended, taken State) {
	p := b.Pace
	due, latest := moment{s.due, min(int64(s.rest), p.rate-1)}, p.add(moment{now, 0}, p.span)
	switch {
	case due.ns < now:
		due = moment{now, 0}
	case latest.before(due): // the limit was lowered: the burst is used up, and refills from now
		due = latest
	}
	mended, taken = s, s
	mended.due, mended.rest = due.ns, int32(due.rest)
	next := p.add(due, p.step)
	if latest.before(next) {
		b.Outcome, b.Left, b.Wait = RateUsed, 0, p.sub(next, latest).up()
		b.Next, b.Full = b.Wait, p.sub(due, moment{now, 0}).up()
		return mended, taken
	}
	taken.due, taken.rest = next.ns, int32(next.rest)
	b.Left, b.Next, b.Full = p.count(p.sub(latest, next)), 0, p.sub(next, moment{now, 0}).up()
	if b.Left == 0 {
		b.Next = p.sub(p.add(next, p.step), latest).up()
	}
	return mended, taken
}

// sameDay is the day that counts at today. A day that is over is forgotten. One that has begun stays when the clock goes
// back over midnight, so that no day's quota comes twice; but one that lies further ahead was a clock's error, and becomes
// tomorrow, so that it ends.
func sameDay(s State, today int32) (day int32, count int64) {
	switch {
	case s.Day < today:
		return today, 0
	case s.Day > today+1:
		return today + 1, s.Count
	}
	return s.Day, s.Count
}

// askDay looks at the quota, and counts the request. The longer of two waits stays.
func (s *State) askDay(b *Bucket, now time.Time) {
	b.DayEnds = time.Unix(int64(s.Day+1)*86400, 0).Sub(now)
	if s.Count >= b.Daily {
		b.Outcome, b.DayLeft, b.Wait = QuotaUsed, 0, max(b.Wait, b.DayEnds)
		return
	}
	s.Count++
	b.DayLeft = b.Daily - s.Count
}
