package admin

import (
	"errors"
	"net/http"

	"countersign.dev/api"
	"countersign.dev/internal/audit"
	"countersign.dev/internal/operator"
	"countersign.dev/internal/registry"
)

func memberRow(id string) string { return audit.DocumentRow("member", id) }

// memberLink is the one-time link of a member as its receiver opens it; empty for none.
func (s *Server) memberLink(token string) string {
	if token == "" || s.cfg.MemberLink == nil {
		return token
	}
	return s.cfg.MemberLink(token)
}

// MemberList lists the members of a partner.
func (h handlers) MemberList(w http.ResponseWriter, r *http.Request, id api.InPathPartner) {
	c := w.(*call)
	if _, ok := c.partnerByID(id); !ok {
		return
	}
	all, err := h.cfg.Registry.Members(r.Context(), id)
	if err != nil {
		c.fail(err)
		return
	}
	tags, ok := c.tags(list(all, func(a operator.Account) string { return memberRow(a.ID) }))
	if !ok {
		return
	}
	out := api.MemberPage{Items: []api.Member{}}
	for i, a := range all {
		out.Items = append(out.Items, viewMember(a, tags[i]))
	}
	c.json(http.StatusOK, out)
}

// MemberInvite makes a member with a one-time link.
func (h handlers) MemberInvite(w http.ResponseWriter, _ *http.Request, id api.InPathPartner, _ api.MemberInviteParams) {
	c := w.(*call)
	var in api.MemberInvite
	if !c.read(&in) {
		return
	}
	done, ok := c.do(registry.OpMemberInvite, id, "", registry.MemberInvite{Login: in.Login, Name: in.Name}, asked{reason: in.Reason})
	if ok {
		c.memberDone(http.StatusCreated, done)
	}
}

// MemberReinvite makes a new link for a member who is there.
func (h handlers) MemberReinvite(w http.ResponseWriter, _ *http.Request, id api.InPathPartner, member api.InPathMember, _ api.MemberReinviteParams) {
	c := w.(*call)
	if done, ok := c.act(registry.OpMemberReinvite, id, "", registry.MemberReinvite{Member: member}, memberRow(member)); ok {
		c.memberDone(http.StatusOK, done)
	}
}

// MemberDisable ends what a member may do.
func (h handlers) MemberDisable(w http.ResponseWriter, _ *http.Request, id api.InPathPartner, member api.InPathMember, _ api.MemberDisableParams) {
	c := w.(*call)
	if done, ok := c.act(registry.OpMemberDisable, id, "", registry.MemberDisable{Member: member}, memberRow(member)); ok {
		c.memberDone(http.StatusOK, done)
	}
}

// MemberEnable lets a member sign in again.
func (h handlers) MemberEnable(w http.ResponseWriter, _ *http.Request, id api.InPathPartner, member api.InPathMember, _ api.MemberEnableParams) {
	c := w.(*call)
	if done, ok := c.act(registry.OpMemberEnable, id, "", registry.MemberEnable{Member: member}, memberRow(member)); ok {
		c.memberDone(http.StatusOK, done)
	}
}

func (c *call) memberDone(status int, done registry.Done) {
	if done.Member == nil {
		c.broke(errors.New("a change of a member came without it"))
		return
	}
	etag, ok := c.tag(memberRow(done.Member.ID))
	if !ok {
		return
	}
	changed := c.changed(done)
	out := api.MemberChanged{Revision: changed.Revision, Repeated: changed.Repeated, Nodes: changed.Nodes, Confirmed: changed.Confirmed,
		Member: viewMember(*done.Member, etag), Link: c.s.memberLink(done.Secret)}
	if out.Link != "" {
		out.LinkUntil = done.Member.InvitedUntil.UTC()
	}
	c.etag(etag)
	c.json(status, out)
}

func viewMember(a operator.Account, etag string) api.Member {
	v := api.Member{ID: a.ID, PartnerID: a.PartnerID, Login: a.Login, Name: a.Name, State: api.MemberState(a.State()),
		CreatedAt: a.CreatedAt.UTC(), DisabledAt: a.DisabledAt.UTC(), SignedInAt: a.SignedInAt.UTC(), InvitedUntil: a.InvitedUntil.UTC(),
		RecoveryCodesLeft: len(a.Recovery), Etag: etag}
	for _, k := range a.Passkeys {
		v.Passkeys = append(v.Passkeys, k.Name)
	}
	return v
}
