package card

import (
	"os"
	"strings"
	"testing"
	"time"
)

// TestDocsListEveryCall holds docs/model-upstreams.md to the route table and to the
// demo ids.
func TestDocsListEveryCall(t *testing.T) {
	text, err := os.ReadFile("../../../docs/model-upstreams.md")
	if err != nil {
		t.Fatal(err)
	}
	want := []string{DemoPersonID, DemoCorporateID, DemoCardTokenID, DemoSecondCardTokenID, DemoCorporateCardTokenID}
	for _, r := range routes() {
		want = append(want, "| "+r.Method+" `"+r.Pattern+"` |")
	}
	want = append(want, statuses...)
	for _, w := range append(want, stages...) {
		if !strings.Contains(string(text), w) {
			t.Errorf("the docs do not have %s", w)
		}
	}
}

// TestDemoNumbersAreMasked holds for every card that a state can ever contain.
func TestDemoNumbersAreMasked(t *testing.T) {
	for token, c := range newState(time.Unix(0, 0)).cards {
		number := c.CardNumber
		if len(number) != 16 || number[6:12] != "******" || strings.Count(number, "*") != 6 {
			t.Errorf("card %s shows %s", token, number)
		}
		if len(token) != 20 || c.TokenID != token {
			t.Errorf("card %s is stored as %s", c.TokenID, token)
		}
	}
}

// TestExpiryOnALeapDay would be March if years were added to the day.
func TestExpiryOnALeapDay(t *testing.T) {
	s := newState(time.Date(2028, 2, 29, 23, 59, 59, 0, time.UTC))
	if got := s.cards[DemoCardTokenID].Expiration; got != "2031-02" {
		t.Errorf("got %s, want 2031-02", got)
	}
}
