package admin

import (
	"cmp"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"time"

	"countersign.dev/api"
)

// A cursor is where a page ended, with a digest of what was asked for before it: one of another listing, or of other filters, is
// refused rather than answered with something else. It is no right: what a caller may see is asked anew for every page, and a
// forged one is a place in a listing that the caller may see anyhow. So it is not authenticated, and outlives a restart.

// cursorMark is the digest of the listing that a cursor belongs to.
func (c *call) cursorMark() string {
	values := c.r.URL.Query()
	values.Del("after")
	values.Del("limit")
	sum := sha256.Sum256([]byte(c.op.id + "\x00" + c.r.URL.Path + "\x00" + values.Encode()))
	return string(sum[:6])
}

// next is the cursor for a place; empty: this was the last page.
func (c *call) next(place string) string {
	if place == "" {
		return ""
	}
	return base64.RawURLEncoding.EncodeToString([]byte(c.cursorMark() + place))
}

// after reads a cursor; false: it has answered.
func (c *call) after(cursor string) (string, bool) {
	if cursor == "" {
		return "", true
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(cursor)
	place, ours := strings.CutPrefix(string(raw), c.cursorMark())
	if err != nil || !ours || place == "" {
		c.refuse(refusal{kind: api.Invalid, detail: "This cursor is of another listing, or of other filters: begin without one.",
			errors: []field{{"after", "it is not the next of a page of this very listing"}}})
		return "", false
	}
	return place, true
}

// pageOf cuts one page out of a whole listing, which it puts in the order of making and identity.
func pageOf[T any](list []T, key func(T) (time.Time, string), after string, limit int) (part []T, next string, err error) {
	place := func(v T) string {
		at, id := key(v)
		return fmt.Sprintf("%020d.%s", at.UnixMicro(), id)
	}
	slices.SortFunc(list, func(a, b T) int { return cmp.Compare(place(a), place(b)) })
	if after != "" && len(after) < 22 {
		return nil, "", fmt.Errorf("no place in a listing")
	}
	begin, _ := slices.BinarySearchFunc(list, after, func(v T, at string) int {
		if cmp.Compare(place(v), at) <= 0 && at != "" {
			return -1
		}
		return 1
	})
	list = list[begin:]
	if limit > 0 && len(list) > limit {
		return list[:limit], place(list[limit-1]), nil
	}
	return list, "", nil
}

// onePage is one page of a listing that the register gives out whole: what the caller sees of it, and the cursor for the rest;
// false: it has answered.
func onePage[T any](c *call, cursor string, limit int, read func() ([]T, error), hidden func(T) bool, key func(T) (time.Time, string)) (part []T, next string, ok bool) {
	after, ok := c.after(cursor)
	if !ok {
		return nil, "", false
	}
	all, err := read()
	if err != nil {
		c.fail(err)
		return nil, "", false
	}
	if part, next, err = pageOf(slices.DeleteFunc(all, hidden), key, after, limit); err != nil {
		c.refuse(refusal{kind: api.Invalid, detail: told(err)})
		return nil, "", false
	}
	return part, c.next(next), true
}

// visible is one page of what the caller sees of a listing that the register gives out in pages: as many as were asked for, and a
// cursor that is the place of the last of them. Of what is hidden not even the number shows, and no place. Who sees everything
// gets the register's own page.
func visible[T any](c *call, after string, limit int, fetch func(after string) (items []T, next string, err error), sees func(T) bool,
	place func(T) string) (page []T, next string, err error) {
	for {
		items, beyond, err := fetch(after)
		if err != nil || !c.who.Confined() {
			return slices.DeleteFunc(items, func(v T) bool { return !sees(v) }), beyond, err
		}
		for _, v := range items {
			switch {
			case !sees(v):
			case len(page) == limit:
				return page, place(page[limit-1]), nil
			default:
				page = append(page, v)
			}
		}
		if beyond == "" {
			return page, "", nil
		}
		after = beyond
	}
}

// limitOr is the size of a page.
func limitOr(limit int) int {
	if limit == 0 {
		return 100
	}
	return limit
}
