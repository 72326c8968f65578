package registry

import (
	"context"
	"errors"
	"fmt"
	"time"

	"countersign.dev/internal/audit"
	"countersign.dev/internal/operator"
)

// Locate checks the form of an operation and returns it in the one form that counts: parameters decoded strictly and written
// anew, partner and environment filled in from the row that the parameters name. Errors: ErrArgument, ErrNotFound where there is
// no such row or it is of another partner or environment than the operation says, the store's.
func (r *Registry) Locate(ctx context.Context, op Operation) (Operation, error) {
	located, err := view(ctx, r.store, func(tx Tx) (Operation, error) {
		loose := op
		if at, named, err := looseHome(tx, op); err != nil {
			return op, err
		} else if named {
			loose.PartnerID, loose.Environment = at.partner, at.environment
		}
		if op.PartnerID != "" && op.PartnerID != loose.PartnerID || op.Environment != "" && op.Environment != loose.Environment {
			return op, elsewhere(op)
		}
		c, err := parseOperation(loose)
		return c.op, err
	})
	if err != nil {
		return Operation{}, fmt.Errorf("locate %s: %w", clip(string(op.Name), 60), err)
	}
	return located, nil
}

// looseHome is whose the row is that an operation names, before its partner and environment are held to it.
func looseHome(tx Tx, op Operation) (at home, named bool, err error) {
	ofPartner, ofEnvironment := op.Name.scope()
	if !ofPartner || !ofEnvironment {
		return home{}, false, nil
	}
	op.PartnerID, op.Environment = "any", "any"
	c, err := parseOperation(op)
	if err != nil {
		return home{}, false, err
	}
	return homeOf(tx, c.params)
}

// homeOf is whose the row is that parameters name; named is false where they name none, and the operation alone says whom it
// concerns.
func homeOf(tx Tx, params any) (at home, named bool, err error) {
	switch p := params.(type) {
	case CredentialRotate:
		at, err = credentialHome(tx, p.Credential)
	case CredentialRevoke:
		at, err = credentialHome(tx, p.Credential)
	case CredentialUnlock:
		at, err = credentialHome(tx, p.Credential)
	case CredentialBind:
		at, err = credentialHome(tx, p.Credential)
	case CredentialSchedule:
		at, err = credentialHome(tx, p.Credential)
	case CredentialRetire:
		at, err = credentialHome(tx, p.Credential)
	case TokensRevoke:
		at, err = credentialHome(tx, p.Credential)
	case NetworkRemove:
		at, err = networkHome(tx, p.ID)
	case LimitSet:
		if p.Credential == "" {
			return home{}, false, nil
		}
		at, err = credentialHome(tx, p.Credential)
	case LimitRemove:
		at, err = limitHome(tx, p.ID)
	case EndpointVerify:
		at, err = endpointHome(tx, p.ID)
	case EndpointDisable:
		at, err = endpointHome(tx, p.ID)
	case EndpointRemove:
		at, err = endpointHome(tx, p.ID)
	case EndpointRotate:
		at, err = endpointHome(tx, p.ID)
	default:
		return home{}, false, nil
	}
	return at, true, err
}

// located refuses a command whose partner or environment is not that of the row it names: a permission, or a setting, of one
// environment never changes another one (security rule 11).
func (c command) located(tx Tx) error {
	at, named, err := homeOf(tx, c.params)
	if err != nil || !named {
		return err
	}
	if at.partner != c.op.PartnerID || at.environment != c.op.Environment {
		return elsewhere(c.op)
	}
	return nil
}

// elsewhere is the same for a row of somebody else as for one that is not there.
func elsewhere(op Operation) error {
	return fmt.Errorf("%s: no such row of this partner in this environment: %w", op.Name, ErrNotFound)
}

// concerned are the rows that a command changes or leans on, as they are now: a proposal is held to them.
func (r *Registry) concerned(tx Tx, actor Actor, c command) ([]RowState, error) {
	if p, ok := c.params.(RegisterApply); ok {
		state, err := r.planState(tx, actor, p)
		return []RowState{state}, err
	}
	rows, err := c.rows(tx)
	if err != nil {
		return nil, err
	}
	states, err := rowStates(tx, rows)
	if err != nil {
		return nil, err
	}
	account, err := accountOf(tx, c.params)
	if err != nil || account.ID == "" {
		return states, err
	}
	state, err := accountState(account)
	return append(states, state), err
}

// accountState digests what an account may do, and who it is: not when it signed in last and with what, or everybody could hold up
// a change of his own account.
func accountState(a operator.Account) (RowState, error) {
	a.SignedInAt, a.Passkeys, a.Recovery = time.Time{}, nil, nil
	body, err := encodeJSON(a)
	return RowState{Row: audit.DocumentRow(accountNoun.kind, a.ID), ETag: fmt.Sprintf("%x", digestOf("countersign account 1\n", body))}, err
}

// rows names the rows that a command changes or leans on.
func (c command) rows(tx Tx) (rows []string, err error) {
	ofPartner, ofEnvironment := c.op.Name.scope()
	if ofPartner {
		rows = append(rows, audit.PartnerRow(c.op.PartnerID))
	}
	switch p := c.params.(type) {
	case CredentialRotate:
		rows = append(rows, audit.CredentialRow(p.Credential))
	case CredentialBind:
		rows = append(rows, audit.CredentialRow(p.Credential))
	case CredentialSchedule:
		rows = append(rows, audit.CredentialRow(p.Credential))
	case NetworkRemove:
		rows = append(rows, audit.NetworkRow(p.ID))
	case LimitRemove:
		rows = append(rows, audit.LimitRow(p.ID))
	case LimitSet:
		want, err := p.limit(c.op)
		if err != nil {
			return nil, err
		}
		row, err := presentLimit(tx, want)
		if err != nil {
			return nil, err
		}
		rows = append(rows, row)
	case EndpointRotate:
		rows = append(rows, audit.DocumentRow(endpointNoun.kind, p.ID))
	case SettingsApprovals:
		rows = append(rows, audit.DocumentRow(approvalsNoun.kind, approvalsID))
	}
	if ofPartner && ofEnvironment {
		rows = append(rows, audit.ReviewRow(c.op.PartnerID, c.op.Environment))
	}
	return rows, nil
}

// needed is how many other persons must approve c as the settings are now.
func needed(tx Tx, c command) (int, error) {
	a, err := approvals(tx)
	if err != nil {
		return 0, err
	}
	switch c.op.Name.waitRule() {
	case byEnvironment:
		return a.of(c.op.Name, c.op.Environment), nil
	case byPartner:
		return neededForPartner(tx, a, c.op)
	case byDesired:
		p, ok := c.params.(RegisterApply)
		if !ok {
			return 0, errors.New("register.apply has other parameters")
		}
		return neededForDesired(a, p), nil
	case byAccounts:
		return a.Accounts, nil
	case bySettings:
		return a.Settings, nil
	}
	return 0, nil
}

// neededForPartner is the strictest environment in which a partner has a review or a credential.
func neededForPartner(tx Tx, a Approvals, op Operation) (most int, err error) {
	reviews, err := tx.Reviews(op.PartnerID)
	if err != nil {
		return 0, err
	}
	credentials, err := tx.Credentials(op.PartnerID)
	for _, v := range reviews {
		most = max(most, a.of(op.Name, v.Environment))
	}
	for _, v := range credentials {
		most = max(most, a.of(op.Name, v.Environment))
	}
	return most, err
}

// neededForDesired is the strictest of everything that a file may do: it is no way around what one of its lines would need.
func neededForDesired(a Approvals, p RegisterApply) (most int) {
	count := func(environment string, names ...OperationName) {
		for _, n := range names {
			most = max(most, a.of(n, environment))
		}
	}
	closes := p.ClosePruned
	for _, v := range p.Partners {
		closes = closes || v.Closed
		for _, e := range v.Environments {
			count(e.Name, OpRegisterApply)
			if e.Networks != nil {
				count(e.Name, OpNetworkAllow, OpNetworkRemove)
			}
			if e.Limits != nil {
				count(e.Name, OpLimitSet, OpLimitRemove)
			}
		}
	}
	for _, e := range a.Environments {
		if closes {
			count(e.Environment, OpPartnerClose)
		}
	}
	return most
}
