package card

import (
	"errors"
	"net/http"
	"slices"

	"countersign.dev/internal/sandbox/body"
)

// statuses and stages are what a caller may set (spec: signed access; the spelling
// "compromized" is the family's own).
var (
	statuses = []string{
		"active", "blocked", "closed", "compromized", "damaged", "deactivated", "lost", "referral", "stolen",
	}
	stages = []string{"digital", "plastic_not_delivered"}
)

type itemsReply struct {
	head
	Items []item `json:"items"`
	Total int    `json:"total"`
}

type tokenReply struct {
	head
	TokenID string `json:"token_id"`
}

type cardReply struct {
	head
	card
}

// getCards lists the cards of one person or one corporate. Naming both is refused:
// which one is meant would be a guess.
func getCards(c *call) (any, *refusal) {
	object, no := c.object()
	if no != nil {
		return nil, no
	}
	person, no := text(object, "person_id")
	if no != nil {
		return nil, no
	}
	corporate, no := text(object, "corporate_id")
	switch {
	case no != nil:
		return nil, no
	case person == "" && corporate == "":
		return nil, badRequest("missing_person_id_or_corporate_id")
	case person != "" && corporate != "":
		return nil, badRequest("ambiguous_owner")
	case person != "":
		return c.items(c.state.persons, person, "person_not_found")
	}
	return c.items(c.state.corporates, corporate, "corporate_not_found")
}

func (c *call) items(owners map[string][]string, id, unknown string) (any, *refusal) {
	list, ok := c.state.items(owners, id)
	if !ok {
		return nil, &refusal{status: http.StatusNotFound, code: unknown}
	}
	return itemsReply{success(), list, len(list)}, nil
}

func updateStatus(c *call) (any, *refusal) {
	return c.update("token_status", statuses, func(x *card, to string) { x.Status = to })
}

func updateStage(c *call) (any, *refusal) {
	return c.update("token_stage", stages, func(x *card, to string) { x.Stage = to })
}

// update sets one field to one of the allowed words. Any may follow any: which
// transitions the family forbids is not public.
func (c *call) update(field string, allowed []string, set func(*card, string)) (any, *refusal) {
	object, no := c.object()
	if no != nil {
		return nil, no
	}
	word, no := text(object, field)
	switch {
	case no != nil:
		return nil, no
	case word == "":
		return nil, badRequest("missing_" + field)
	case !slices.Contains(allowed, word):
		return nil, badRequest("invalid_" + field)
	}
	if !c.state.change(c.ids[0], func(x *card) { set(x, word) }) {
		return nil, noCard()
	}
	return tokenReply{success(), c.ids[0]}, nil
}

func getCard(c *call) (any, *refusal) {
	found, ok := c.state.card(c.ids[0])
	if !ok {
		return nil, noCard()
	}
	return cardReply{success(), found}, nil
}

func noCard() *refusal { return &refusal{status: http.StatusNotFound, code: "card_not_found"} }

// object reads the JSON body, whatever its Content-Type says: the family has one
// format, and what was signed is the bytes.
func (c *call) object() (body.Object, *refusal) {
	raw, err := body.Read(c.http)
	if err == nil {
		var object body.Object
		if object, err = body.ParseJSON(raw); err == nil {
			return object, nil
		}
	}
	switch {
	case errors.Is(err, body.ErrTooLarge):
		return body.Object{}, &refusal{status: http.StatusRequestEntityTooLarge, code: "body_too_large"}
	case errors.Is(err, body.ErrDoubled):
		return body.Object{}, badRequest("doubled_field")
	}
	return body.Object{}, badRequest("invalid_json")
}

// text reads an optional string; absent, null and empty are the same. A number is
// refused with a name of its own: ids of 20 digits do not survive being one.
func text(object body.Object, name string) (string, *refusal) {
	field := object.Field(name)
	if field.Kind == body.Other {
		return "", badRequest(name + "_not_a_string")
	}
	return field.Text, nil
}
