package admin

import (
	"net/http"

	"countersign.dev/api"
	"countersign.dev/internal/audit"
	"countersign.dev/internal/operator"
	"countersign.dev/internal/registry"
	"countersign.dev/internal/whatif"
)

// CredentialRetire ends one older version.
func (h handlers) CredentialRetire(w http.ResponseWriter, _ *http.Request, id api.InPathCredential, _ api.CredentialRetireParams) {
	c := w.(*call)
	var in api.CredentialRetire
	if !c.read(&in) {
		return
	}
	done, ok := c.do(registry.OpCredentialRetire, "", "", registry.CredentialRetire{Credential: id, Version: in.Version}, asked{reason: in.Reason})
	if ok {
		c.credentialDone(done, id)
	}
}

// CredentialBind binds a credential to TLS client keys.
func (h handlers) CredentialBind(w http.ResponseWriter, _ *http.Request, id api.InPathCredential, _ api.CredentialBindParams) {
	c := w.(*call)
	var in api.ClientKeys
	if !c.read(&in) {
		return
	}
	done, ok := c.do(registry.OpCredentialBind, "", "", registry.CredentialBind{Credential: id, ClientKeys: list(in.ClientKeys, same)},
		asked{reason: in.Reason, rows: []string{audit.CredentialRow(id)}})
	if ok {
		c.credentialDone(done, id)
	}
}

// CredentialSchedule rotates a credential by itself from now on.
func (h handlers) CredentialSchedule(w http.ResponseWriter, _ *http.Request, id api.InPathCredential, _ api.CredentialScheduleParams) {
	c := w.(*call)
	var in api.SchedulePut
	if !c.read(&in) {
		return
	}
	c.schedule(registry.CredentialSchedule{Credential: id, EverySeconds: in.EverySeconds, OverlapSeconds: in.OverlapSeconds, Next: in.Next}, in.Reason)
}

// CredentialUnschedule ends that.
func (h handlers) CredentialUnschedule(w http.ResponseWriter, _ *http.Request, id api.InPathCredential,
	params api.CredentialUnscheduleParams) {
	w.(*call).schedule(registry.CredentialSchedule{Credential: id}, params.Reason)
}

func (c *call) schedule(params registry.CredentialSchedule, reason string) {
	done, ok := c.do(registry.OpCredentialSchedule, "", "", params, asked{reason: reason, rows: []string{scheduleRow(params.Credential)}})
	if ok {
		c.credentialDone(done, params.Credential)
	}
}

// CredentialReveal hands over the secret of a scheduled rotation, once. It is no operation that could wait or be repeated: the
// rotation was decided when it was scheduled, and whoever asks second gets nothing.
func (h handlers) CredentialReveal(w http.ResponseWriter, r *http.Request, id api.InPathCredential, _ api.CredentialRevealParams) {
	c := w.(*call)
	var in api.CredentialReveal
	if !c.read(&in) {
		return
	}
	k, ok := c.credentialByID(id)
	if !ok {
		return
	}
	if !c.who.May(operator.CredentialsWrite, k.Environment) {
		c.lacks(operator.CredentialsWrite)
		return
	}
	issued, err := h.cfg.Registry.RevealSecret(r.Context(), c.actor(), id, in.Version)
	if err != nil {
		c.fail(err)
		return
	}
	revision, err := h.cfg.Registry.Revision(r.Context())
	if err != nil { // it is handed over already: the secret must not be lost for a number
		c.s.cfg.Log.Error("the revision cannot be read", "request_id", c.id, "error", err)
	}
	c.issued(http.StatusOK, registry.Done{Issued: &issued, Revision: revision})
}

// CredentialRehearsal tells who still uses which version.
func (h handlers) CredentialRehearsal(w http.ResponseWriter, _ *http.Request, id api.InPathCredential,
	params api.CredentialRehearsalParams) {
	c := w.(*call)
	c.question(id, func() (any, error) {
		return h.cfg.Questions.Rehearsal(c.r.Context(), id, whatif.Span{From: params.From, To: params.To})
	})
}

// CredentialRevocationPreview tells whom revoking it now would have refused.
func (h handlers) CredentialRevocationPreview(w http.ResponseWriter, _ *http.Request, id api.InPathCredential,
	params api.CredentialRevocationPreviewParams) {
	c := w.(*call)
	c.question(id, func() (any, error) {
		return h.cfg.Questions.RevocationPreview(c.r.Context(), id, params.Version, whatif.Span{From: params.From, To: params.To})
	})
}

// question asks the records about one credential that the caller sees.
func (c *call) question(id string, ask func() (any, error)) {
	k, ok := c.credentialByID(id)
	if !ok {
		return
	}
	if !c.who.May(operator.DecisionsRead, k.Environment) {
		c.lacks(operator.DecisionsRead)
		return
	}
	if !c.place() {
		return
	}
	defer c.s.heavy.Leave()
	answer, err := ask()
	if err != nil {
		c.fail(err)
		return
	}
	c.json(http.StatusOK, answer)
}
