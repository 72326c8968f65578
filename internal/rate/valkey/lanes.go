package valkey

import (
	"countersign.dev/internal/rate"
	"countersign.dev/internal/valkeylink"
)

// part is the buckets of a request that one script can ask.
type part struct {
	lane    int
	buckets []*rate.Bucket
}

// take asks all buckets: with one server at once, with a cluster lane by lane.
func (l *Limiter) take(call valkeylink.Call, buckets []rate.Bucket) (bool, error) {
	parts := l.split(buckets)
	for i, p := range parts {
		in, err := l.ask(call, modeTake, p.lane, p.buckets)
		if in && err == nil {
			continue
		}
		if err != nil {
			l.giveBack(parts[:i])
			return false, err
		}
		return false, l.refuse(call, parts[:i], parts[i+1:])
	}
	return true, nil
}

// refuse gives back what was taken, and asks those that were not asked yet, so that the longest wait is known.
func (l *Limiter) refuse(call valkeylink.Call, taken, rest []part) error {
	for i, p := range taken {
		if _, err := l.ask(call, modeBack, p.lane, p.buckets); err != nil {
			l.giveBack(taken[i+1:])
			return err
		}
	}
	for _, p := range rest {
		if _, err := l.ask(call, modeLook, p.lane, p.buckets); err != nil {
			return err
		}
	}
	return nil
}

// giveBack gives back behind the request, which has no time left. Where that fails, one request too many is counted. Each
// lane that failed has its circuit open by then, so that few of these wait at any time.
func (l *Limiter) giveBack(taken []part) {
	for _, p := range taken {
		own := make([]*rate.Bucket, len(p.buckets))
		for i, b := range p.buckets {
			own[i] = &rate.Bucket{Key: b.Key, Group: b.Group, Pace: b.Pace, Daily: b.Daily}
		}
		go func() {
			call := l.cfg.Link.Begin()
			defer call.End()
			_, _ = l.ask(call, modeBack, p.lane, own) // see above
		}()
	}
}

// split orders the buckets by where they are kept, those of groups first: what all callers share is asked last, so that what
// a caller's own limit refuses is never taken from it.
func (l *Limiter) split(buckets []rate.Bucket) []part {
	if l.cfg.Link.Parts() == 1 {
		one := part{lane: 0, buckets: make([]*rate.Bucket, len(buckets))}
		for i := range buckets {
			one.buckets[i] = &buckets[i]
		}
		return []part{one}
	}
	var parts []part
	for _, grouped := range []bool{true, false} {
		for i := range buckets {
			if b := &buckets[i]; (b.Group != (rate.Key{})) == grouped {
				parts = put(parts, b)
			}
		}
	}
	return parts
}

func put(parts []part, b *rate.Bucket) []part {
	lane := laneOf(b)
	for i := range parts {
		if parts[i].lane == lane {
			parts[i].buckets = append(parts[i].buckets, b)
			return parts
		}
	}
	return append(parts, part{lane, []*rate.Bucket{b}})
}
