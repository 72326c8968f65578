package whatif

import "countersign.dev/internal/access"

// judge counts one call as what it is.
func (r *replay) judge(c *call) error {
	early := c.at.Before(r.span.From) // only to warm the limits up
	reached := c.stage()
	if early && reached <= fixed {
		return nil
	}
	if !early {
		r.counted++
	}
	switch reached {
	case unproved:
		r.beforeProof(c)
		return nil
	case fixed:
		r.same++
		r.sharedRefused = r.sharedRefused || c.where == "api"
		return nil
	}
	o, why, err := r.verdicts(c)
	switch {
	case err != nil:
		return err
	case early:
	case why != "":
		r.pass(why, c)
	default:
		r.count(c, reached, o)
	}
	return nil
}

// outcome is how a call ends under both sets of rules.
type outcome struct {
	now, then access.Reason
	warned    bool // by the proposal alone
}

// verdicts judges a call that has proved who it is, in the order of the pipeline: time, network, limits.
func (r *replay) verdicts(c *call) (o outcome, why Why, err error) {
	api := r.change.api(c.api)
	switch {
	case api == nil:
		return o, UnknownAPI, nil
	case !c.address.IsValid():
		return o, NoAddress, nil
	case c.partner == "":
		return o, NoPartner, nil
	}
	o.now, o.then = access.Allowed, access.Allowed
	if window, ok := r.change.windows[c.api]; ok {
		if !c.hasSkew {
			return o, NoSkew, nil
		}
		o.now, o.then = late(api.Scheme, c.skew, api.Window), late(api.Scheme, c.skew, window)
	}
	if why, err = r.network(c, &o); why != "" || err != nil {
		return o, why, err
	}
	if r.now == nil {
		return o, "", nil
	}
	if o.now == access.Allowed {
		o.now = r.now.take(c)
	}
	if o.then == access.Allowed {
		o.then = r.then.take(c)
	}
	return o, "", nil
}

// network adds to o what both sets of network rules say.
func (r *replay) network(c *call, o *outcome) (Why, error) {
	b, ok, err := r.networks.judge(r.ctx, c)
	switch {
	case err != nil:
		return "", err
	case !ok:
		return TooMany, nil
	}
	switch b.country {
	case recorded:
		r.places.Recorded++
	case inFile:
		r.places.File++
	case unknown:
		r.places.Unknown++
	case nowhere:
		return NoCountry, nil
	}
	if o.now == access.Allowed {
		o.now = b.now.reason
	}
	if o.then == access.Allowed {
		o.then = b.then.reason
	}
	o.warned = b.then.warned && !b.now.warned
	return "", nil
}

// count counts a call that was judged.
func (r *replay) count(c *call, reached stage, o outcome) {
	if reached != atReplay && (reached == admitted) != (o.now == access.Allowed) {
		r.otherwise++
	}
	switch {
	case reached == admitted && o.now == access.Allowed && o.then != access.Allowed:
		r.cut.add(o.then.String(), c)
		return
	case reached != atReplay && o.now != access.Allowed && o.then == access.Allowed:
		r.let.add(o.now.String(), c)
		return
	case o.now == access.Allowed && o.then == access.Allowed && o.warned:
		r.warned++
	}
	r.same++
}

// beforeProof counts a request that had not proved anything. Only its time can be judged, and of that only that it stays wrong.
func (r *replay) beforeProof(c *call) {
	window, ok := r.change.windows[c.api]
	timed := c.reason == access.StaleTimestamp.String() || c.reason == access.FutureTimestamp.String()
	switch {
	case !ok || !timed:
		r.pass(BeforeProof, c)
	case !c.hasSkew:
		r.pass(NoSkew, c)
	case late(r.change.api(c.api).Scheme, c.skew, window) == access.Allowed:
		r.pass(TimeOnly, c)
	default:
		r.same++
	}
}

// pass counts a call that is not judged.
func (r *replay) pass(why Why, c *call) {
	n := r.unjudged[why]
	if n == nil {
		n = &NotJudged{Why: why, Text: whyTexts[why], First: c.example()}
		r.unjudged[why] = n
	}
	n.Requests++
}
