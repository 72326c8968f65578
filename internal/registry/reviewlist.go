package registry

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"countersign.dev/internal/partner"
)

// reviewKey is the place of a review in the listing: those that wait first, the longest waiting before the others.
type reviewKey struct {
	settled int   // 0: it waits for an operator
	since   int64 // microseconds since 1970 of the last transition; 0 of those that do not wait
	at      home
}

func keyOf(review partner.Review) reviewKey {
	k := reviewKey{settled: 1, at: home{review.PartnerID, review.Environment}}
	if slices.Contains(openReview, review.State) {
		k.settled, k.since = 0, review.ChangedAt.UnixMicro()
	}
	return k
}

func (k reviewKey) compare(other reviewKey) int {
	return cmp.Or(cmp.Compare(k.settled, other.settled), cmp.Compare(k.since, other.since),
		strings.Compare(k.at.partner, other.at.partner), strings.Compare(k.at.environment, other.at.environment))
}

// String is k as ReviewPage.Next has it; none of its parts has a dot.
func (k reviewKey) String() string {
	return strings.Join([]string{strconv.Itoa(k.settled), strconv.FormatInt(k.since, 10), k.at.partner, k.at.environment}, ".")
}

// Place is the After of a page of reviews that begins behind f.
func (f ReviewFile) Place() string { return keyOf(f.Review).String() }

func parseReviewKey(text string) (reviewKey, error) {
	parts := strings.Split(text, ".")
	if len(parts) == 4 {
		settled, err1 := strconv.Atoi(parts[0])
		since, err2 := strconv.ParseInt(parts[1], 10, 64)
		k := reviewKey{settled, since, home{parts[2], parts[3]}}
		if err1 == nil && err2 == nil && k.String() == text {
			return k, nil
		}
	}
	return reviewKey{}, fmt.Errorf("%w: this is no place in a listing of reviews", ErrArgument)
}

// ReviewFiles lists reviews: those that wait for an operator first, the longest waiting before the others, then the rest by partner and
// environment. A review that changes between two pages may come twice or, if it stopped waiting, be passed over. Errors: ErrArgument, the
// store's.
func (r *Registry) ReviewFiles(ctx context.Context, q ReviewQuery) (ReviewPage, error) {
	after := reviewKey{settled: -1}
	var err error
	if q.After != "" {
		after, err = parseReviewKey(q.After)
	}
	if err == nil && (q.Limit < 0 || q.Limit > MaxReviewPage) {
		err = fmt.Errorf("%w: a page has 1 to %d reviews", ErrArgument, MaxReviewPage)
	}
	if err != nil {
		return ReviewPage{}, fmt.Errorf("list reviews: %w", err)
	}
	return view(ctx, r.store, func(tx Tx) (ReviewPage, error) { return r.reviewPage(tx, q, after) })
}

func (r *Registry) reviewPage(tx Tx, q ReviewQuery, after reviewKey) (page ReviewPage, err error) {
	all, err := tx.Reviews(q.PartnerID)
	if err != nil {
		return page, err
	}
	list := slices.DeleteFunc(all, func(review partner.Review) bool { return !q.fits(review) || keyOf(review).compare(after) <= 0 })
	slices.SortFunc(list, func(a, b partner.Review) int { return keyOf(a).compare(keyOf(b)) })
	limit := cmp.Or(q.Limit, DefaultReviewPage)
	if len(list) > limit {
		list = list[:limit]
		page.Next = keyOf(list[limit-1]).String()
	}
	for _, review := range list {
		file, err := r.assemble(tx, home{review.PartnerID, review.Environment})
		if err != nil {
			return ReviewPage{}, err
		}
		file.Evidence = nil
		page.Files = append(page.Files, file)
	}
	return page, nil
}

func (q ReviewQuery) fits(review partner.Review) bool {
	return (q.Environment == "" || review.Environment == q.Environment) && (q.State == "" || review.State == q.State) &&
		(!q.Waiting || slices.Contains(openReview, review.State))
}
