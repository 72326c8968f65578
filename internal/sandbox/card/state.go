package card

import (
	"sync"
	"time"
)

// The ids of the demo data. They are the same for every caller, whose states are
// apart all the same.
const (
	// DemoPersonID is the person with two cards.
	DemoPersonID = "10011000000000000001"
	// DemoCorporateID is the corporate whose employee has one card.
	DemoCorporateID = "10021000000000000001"
	// DemoCardTokenID is the person's first card.
	DemoCardTokenID = "10031000000000000001"
	// DemoSecondCardTokenID is the person's second card.
	DemoSecondCardTokenID = "10031000000000000002"
	// DemoCorporateCardTokenID is the card of the corporate's employee.
	DemoCorporateCardTokenID = "10031000000000000003"
)

// yearsValid is how long after its first use a demo card expires, so that a model
// never serves an expired one.
const yearsValid = 3

// item is a card as it is listed. Its number is masked where it is made; no other
// form exists.
type item struct {
	TokenID       string `json:"token_id"`
	EmbossingName string `json:"embossing_name"`
	CardNumber    string `json:"card_number"`
	Expiration    string `json:"expiration_date"`
	ProductID     int    `json:"product_id"`
}

// card is one stored card.
type card struct {
	item
	Status string `json:"token_status"`
	Stage  string `json:"token_stage"`
}

// state is one caller's cards. Owners and their cards never change, so only status
// and stage need the lock. It is safe for concurrent use; values go out as copies.
type state struct {
	persons, corporates map[string][]string

	mu    sync.RWMutex
	cards map[string]*card
}

func newState(now time.Time) *state {
	s := &state{
		persons:    map[string][]string{DemoPersonID: {DemoCardTokenID, DemoSecondCardTokenID}},
		corporates: map[string][]string{DemoCorporateID: {DemoCorporateCardTokenID}},
		cards:      make(map[string]*card),
	}
	// The first of the month: adding years to the 29th of February would overflow.
	now = now.UTC()
	expires := time.Date(now.Year()+yearsValid, now.Month(), 1, 0, 0, 0, 0, time.UTC).Format("2006-01")
	for _, i := range []item{
		{DemoCardTokenID, "MODEL PERSON", "999900******1001", expires, 1},
		{DemoSecondCardTokenID, "MODEL PERSON", "999900******1002", expires, 2},
		{DemoCorporateCardTokenID, "MODEL EMPLOYEE", "999900******2001", expires, 3},
	} {
		s.cards[i.TokenID] = &card{item: i, Status: "active", Stage: "digital"}
	}
	return s
}

// items are the cards of an owner, in a fixed order; false for an unknown owner.
func (s *state) items(owners map[string][]string, id string) ([]item, bool) {
	tokens, ok := owners[id]
	if !ok {
		return nil, false
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	list := make([]item, 0, len(tokens))
	for _, token := range tokens {
		list = append(list, s.cards[token].item)
	}
	return list, true
}

func (s *state) card(token string) (card, bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	c, ok := s.cards[token]
	if !ok {
		return card{}, false
	}
	return *c, true
}

func (s *state) change(token string, with func(*card)) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	c, ok := s.cards[token]
	if ok {
		with(c)
	}
	return ok
}
