package registry_test

import (
	"testing"

	"countersign.dev/internal/audit"
	"countersign.dev/internal/partner"
)

// state is what change rows can tell about a register.
type state struct {
	Partners    map[string]bool
	Reviews     map[string]partner.ReviewState
	Versions    map[string]int // credential → how many
	Revoked     map[string]bool
	Locked      map[string]bool
	Generations map[string]uint32
	Networks    map[string]bool
	Sealing     map[string]int // environment → how many
}

func newState() state {
	return state{map[string]bool{}, map[string]partner.ReviewState{}, map[string]int{}, map[string]bool{}, map[string]bool{},
		map[string]uint32{}, map[string]bool{}, map[string]int{}}
}

// replay adds the rows up.
func replay(t *testing.T, rows []audit.Change) state {
	t.Helper()
	s := newState()
	for i, row := range rows {
		if row.Seq != uint64(i)+1 || row.Validate() != nil {
			t.Fatalf("row %d is %+v", i+1, row)
		}
		switch row.Action {
		case audit.PartnerCreated:
			s.Partners[row.Subject] = true
		case audit.ReviewRequested:
			s.Reviews[row.Subject] = partner.ReviewRequested
		case audit.ReviewApproved:
			s.Reviews[row.Subject] = partner.ReviewApproved
		case audit.CredentialIssued, audit.CredentialRotated, audit.SecretChanged:
			s.Versions[row.Subject]++
		case audit.CredentialRevoked:
			s.Revoked[row.Subject] = true
		case audit.CredentialLocked:
			s.Locked[row.Subject] = true
		case audit.TokensRevoked:
			s.Generations[row.Subject]++
		case audit.NetworkAllowed:
			s.Networks[row.Subject] = true
		case audit.NetworkRemoved:
			delete(s.Networks, row.Subject)
		case audit.SealingKeyRotated:
			s.Sealing[row.Subject]++
		default:
			t.Fatalf("row %d: the child does nothing of the kind: %+v", i+1, row)
		}
	}
	return s
}

// present is the same of the register itself.
func present(roster *partner.Roster) state {
	s := newState()
	for _, p := range roster.Partners {
		s.Partners[p.ID] = true
	}
	for _, r := range roster.Reviews {
		s.Reviews[r.PartnerID] = r.State
	}
	for _, c := range roster.Credentials {
		s.Versions[c.ID] = len(c.Versions)
		if c.Generation != 0 {
			s.Generations[c.ID] = c.Generation
		}
		if !c.RevokedAt.IsZero() {
			s.Revoked[c.ID] = true
		}
		if !c.LockedAt.IsZero() {
			s.Locked[c.ID] = true
		}
	}
	for _, n := range roster.Networks {
		s.Networks[n.ID] = true
	}
	for _, k := range roster.SealingKeys {
		s.Sealing[k.Environment]++
	}
	return s
}
