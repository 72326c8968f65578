package admin

import (
	"errors"
	"net/http"
	"time"

	"countersign.dev/api"
	"countersign.dev/internal/operator"
	"countersign.dev/internal/registry"
)

type accountChanged struct {
	api.Changed
	Account   api.Account `json:"account"`
	Link      string      `json:"link,omitempty"`
	LinkUntil time.Time   `json:"link_until,omitzero"`
}

// link is a one-time link as its receiver opens it; empty for none.
func (s *Server) link(token string) string {
	if token == "" || s.cfg.Link == nil {
		return token
	}
	return s.cfg.Link(token)
}

// AccountList lists accounts.
func (h handlers) AccountList(w http.ResponseWriter, r *http.Request, params api.AccountListParams) {
	c := w.(*call)
	part, next, ok := onePage(c, params.After, limitOr(params.Limit), func() ([]operator.Account, error) { return h.cfg.Registry.Accounts(r.Context()) },
		func(a operator.Account) bool { return false }, func(a operator.Account) (time.Time, string) { return a.CreatedAt, a.ID })
	if !ok {
		return
	}
	tags, ok := c.tags(list(part, func(a operator.Account) string { return accountRow(a.ID) }))
	if !ok {
		return
	}
	out := api.AccountPage{Items: []api.Account{}, Next: next}
	for i, a := range part {
		out.Items = append(out.Items, viewAccount(a, tags[i]))
	}
	c.json(http.StatusOK, out)
}

// AccountGet shows one account.
func (h handlers) AccountGet(w http.ResponseWriter, r *http.Request, id api.InPathAccount) {
	c := w.(*call)
	a, err := h.cfg.Registry.Account(r.Context(), id)
	if err != nil {
		c.fail(err)
		return
	}
	if etag, ok := c.tag(accountRow(a.ID)); ok {
		c.found(etag, viewAccount(a, etag))
	}
}

// AccountInvite makes an account with a one-time link.
func (h handlers) AccountInvite(w http.ResponseWriter, _ *http.Request, _ api.AccountInviteParams) {
	c := w.(*call)
	var in api.AccountInvite
	if !c.read(&in) {
		return
	}
	done, ok := c.do(registry.OpAccountInvite, "", "", registry.AccountInvite{Login: in.Login, Name: in.Name, Roles: roles(in.Roles),
		Environments: in.Environments}, asked{reason: in.Reason})
	if ok {
		c.accountDone(http.StatusCreated, done)
	}
}

// AccountReinvite makes a new link for an account that is there.
func (h handlers) AccountReinvite(w http.ResponseWriter, _ *http.Request, id api.InPathAccount, _ api.AccountReinviteParams) {
	c := w.(*call)
	if done, ok := c.act(registry.OpAccountInvite, "", "", registry.AccountInvite{Account: id}, accountRow(id)); ok {
		c.accountDone(http.StatusOK, done)
	}
}

// AccountChange changes name, roles or environments.
func (h handlers) AccountChange(w http.ResponseWriter, _ *http.Request, id api.InPathAccount, _ api.AccountChangeParams) {
	c := w.(*call)
	var in api.AccountChange
	if !c.read(&in) {
		return
	}
	done, ok := c.do(registry.OpAccountChange, "", "", registry.AccountChange{Account: id, Name: in.Name, Roles: roles(in.Roles),
		Environments: in.Environments, AllEnvironments: in.AllEnvironments}, asked{reason: in.Reason, rows: []string{accountRow(id)}})
	if ok {
		c.accountDone(http.StatusOK, done)
	}
}

func roles(names []api.RoleName) []operator.Role {
	var to []operator.Role
	for _, name := range names {
		to = append(to, operator.Role(name))
	}
	return to
}

// AccountDisable ends what an account may do.
func (h handlers) AccountDisable(w http.ResponseWriter, _ *http.Request, id api.InPathAccount, _ api.AccountDisableParams) {
	c := w.(*call)
	if done, ok := c.act(registry.OpAccountDisable, "", "", registry.AccountDisable{Account: id}, accountRow(id)); ok {
		c.accountDone(http.StatusOK, done)
	}
}

// AccountEnable lets an account sign in again.
func (h handlers) AccountEnable(w http.ResponseWriter, _ *http.Request, id api.InPathAccount, _ api.AccountEnableParams) {
	c := w.(*call)
	if done, ok := c.act(registry.OpAccountEnable, "", "", registry.AccountEnable{Account: id}, accountRow(id)); ok {
		c.accountDone(http.StatusOK, done)
	}
}

func (c *call) accountDone(status int, done registry.Done) {
	if done.Account == nil {
		c.broke(errors.New("a change of an account came without it"))
		return
	}
	etag, ok := c.tag(accountRow(done.Account.ID))
	if !ok {
		return
	}
	out := accountChanged{Changed: c.changed(done), Account: viewAccount(*done.Account, etag), Link: c.s.link(done.Secret)}
	if out.Link != "" {
		out.LinkUntil = done.Account.InvitedUntil.UTC()
	}
	if status == http.StatusCreated {
		c.Header().Set("Location", "/v1/accounts/"+done.Account.ID)
	}
	c.etag(etag)
	c.json(status, out)
}

// Me tells who asks and what that one may.
func (h handlers) Me(w http.ResponseWriter, _ *http.Request) {
	c := w.(*call)
	c.json(http.StatusOK, api.Me{Kind: string(c.who.Kind), ID: c.who.ID, Name: c.who.Name, Actor: c.actor().String(),
		Roles: list(c.who.Roles, word), Permissions: list(c.who.Permissions, word), Environments: c.who.Environments,
		ExpiresAt: c.who.ExpiresAt.UTC(), SessionID: c.who.SessionID})
}
