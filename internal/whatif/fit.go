package whatif

import (
	"encoding/json"
	"fmt"
)

// Fit is r with shorter lists, so that its JSON has at most limit bytes, for where a report is kept: what is left out of a list is
// in its Others. It returns r as it is where it fits. An error: it does not, however short its lists are.
func (r Report) Fit(limit int) (Report, error) {
	for _, top := range []int{MaxAddresses, 50, 20, 10, 3, 0} {
		cut := r.cut(top)
		text, err := json.Marshal(cut)
		if err != nil {
			return r, fmt.Errorf("fit a what-if report: %w", err)
		}
		if len(text) <= limit {
			return cut, nil
		}
	}
	return r, fmt.Errorf("fit a what-if report: the proposal itself is longer than %d bytes", limit)
}

func (r Report) cut(top int) Report {
	r.CutOff, r.LetIn = cutAll(r.CutOff, top), cutAll(r.LetIn, top)
	if len(r.Unread) > top+1 {
		r.Unread = append(listed(r.Unread[:top]), fmt.Sprintf("and %d segments more", len(r.Unread)-top))
	}
	return r
}

func cutAll(list []Difference, top int) []Difference {
	out := listed(list)
	for i := range out {
		d := &out[i]
		d.Addresses = d.Addresses.cut(top)
		d.Credentials, d.Partners, d.APIs = d.Credentials.cut(top), d.Partners.cut(top), d.APIs.cut(top)
	}
	return out
}

func (a Addresses) cut(top int) Addresses {
	for _, one := range a.Top[min(top, len(a.Top)):] {
		a.Others += one.Requests
	}
	a.Top = listed(a.Top[:min(top, len(a.Top))])
	return a
}

func (c Counts) cut(top int) Counts {
	for _, one := range c.Top[min(top, len(c.Top)):] {
		c.Others += one.Requests
	}
	c.Top = listed(c.Top[:min(top, len(c.Top))])
	return c
}
