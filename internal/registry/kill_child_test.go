package registry_test

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"os"
	"testing"
	"time"

	"countersign.dev/internal/audit"
	"countersign.dev/internal/partner"
	"countersign.dev/internal/registry"
	"countersign.dev/internal/secret"
	"countersign.dev/internal/store/sqlite"
)

// The variables with which a test starts this binary again as the process that it kills.
const (
	killFolder = "COUNTERSIGN_KILL_FOLDER"
	killVictim = "COUNTERSIGN_KILL_VICTIM"
)

func TestMain(m *testing.M) {
	if folder := os.Getenv(killFolder); folder != "" {
		if os.Getenv(killVictim) == killProposals {
			fmt.Fprintln(os.Stderr, proposeForEver(folder))
			os.Exit(3)
		}
		fmt.Fprintln(os.Stderr, changeForEver(folder, os.Getenv(killVictim)))
		os.Exit(3)
	}
	os.Exit(m.Run())
}

// openReal opens a registry as the product does, but for the cost of a hash.
func openReal(folder string) (*registry.Registry, *sqlite.DB, error) {
	db, err := sqlite.Open(context.Background(), sqlite.Config{Path: folder + "/register.db"})
	if err != nil {
		return nil, nil, err
	}
	ring, err := secret.OpenRing(context.Background(), secret.KeyFile{Path: folder + "/keys", Create: true, Rand: rand.Reader}, rand.Reader)
	if err != nil {
		return nil, db, errors.Join(err, db.Close())
	}
	hasher, err := secret.NewHasher(secret.HasherConfig{Rand: rand.Reader, Cost: secret.Cost{Memory: 64, Time: 1}})
	if err != nil {
		return nil, db, errors.Join(err, db.Close())
	}
	r, err := registry.New(registry.Config{Store: registry.Adapt(db), Ring: ring, Hasher: hasher, Now: time.Now, Rand: rand.Reader})
	return r, db, err
}

// child makes random changes and acknowledges each on its standard output once the registry has returned: the action, the
// subject, the revision, and a digest of the secret that was handed out.
type child struct {
	*registry.Registry
	victim   partner.Credential
	partners []string
	apps     []registry.Issued
	keys     []string
	networks []string
}

func changeForEver(folder, victim string) error {
	r, _, err := openReal(folder)
	if err != nil {
		return err
	}
	c := &child{Registry: r}
	all, err := r.Credentials(ctx, "")
	if err != nil {
		return err
	}
	for _, credential := range all {
		if credential.ID == victim {
			c.victim = credential
		}
	}
	for {
		if err := c.step(); err != nil {
			return err
		}
	}
}

func (c *child) step() error {
	steps := []func() error{c.newPartner, c.guess, c.guess, c.allow, c.remove, c.rotate, c.revokeTokens, c.sealing, c.changeSecret, c.revoke}
	return steps[mathrand.IntN(len(steps))]()
}

// acknowledge says what is done. Each line is one write, which a pipe takes whole.
func (c *child) acknowledge(action audit.Action, subject string, plain secret.Value, err error) error {
	if err != nil {
		return fmt.Errorf("%s: %w", action, err)
	}
	n, err := c.Revision(ctx)
	if err != nil {
		return err
	}
	_, err = fmt.Printf("%s %s %d %x\n", action, subject, n, sha256.Sum256(plain.Bytes()))
	return err
}

func (c *child) newPartner() error {
	p, err := c.CreatePartner(ctx, alice, "Acme")
	if err := c.acknowledge(audit.PartnerCreated, p.ID, secret.Value{}, err); err != nil {
		return err
	}
	err = c.RequestReview(ctx, alice, p.ID, "sandbox", "")
	if err := c.acknowledge(audit.ReviewRequested, p.ID, secret.Value{}, err); err != nil {
		return err
	}
	err = c.Approve(ctx, bob, p.ID, "sandbox", "")
	if err := c.acknowledge(audit.ReviewApproved, p.ID, secret.Value{}, err); err != nil {
		return err
	}
	c.partners = append(c.partners, p.ID)
	app, err := c.IssueApp(ctx, alice, p.ID, "sandbox")
	if err := c.acknowledge(audit.CredentialIssued, app.Credential.ID, secret.Value{}, err); err != nil {
		return err
	}
	c.apps = append(c.apps, app)
	key, err := c.IssueSigningKey(ctx, alice, p.ID, "sandbox")
	c.keys = append(c.keys, key.Credential.ID)
	return c.acknowledge(audit.CredentialIssued, key.Credential.ID, key.Secret, err)
}

// guess is acknowledged as "guess", with the outcome in place of a revision.
func (c *child) guess() error {
	if c.victim.ID == "" {
		return nil
	}
	outcome, err := c.Authenticate(ctx, c.victim.ID, c.victim.Login, []byte("wrong"))
	if err == nil {
		_, err = fmt.Printf("guess %s %d -\n", c.victim.ID, outcome)
	}
	return err
}

func (c *child) allow() error {
	if len(c.partners) == 0 {
		return nil
	}
	code := string([]byte{byte('A' + mathrand.IntN(23)), byte('A' + mathrand.IntN(26))}) // neither XX nor ZZ
	rule, err := c.Allow(ctx, alice, country(c.partners[mathrand.IntN(len(c.partners))], code))
	if errors.Is(err, registry.ErrState) {
		return nil
	}
	c.networks = append(c.networks, rule.ID)
	return c.acknowledge(audit.NetworkAllowed, rule.ID, secret.Value{}, err)
}

func (c *child) remove() error {
	if len(c.networks) == 0 {
		return nil
	}
	id := c.networks[0]
	c.networks = c.networks[1:]
	return c.acknowledge(audit.NetworkRemoved, id, secret.Value{}, c.RemoveNetwork(ctx, alice, id))
}

func (c *child) rotate() error {
	if len(c.keys) == 0 {
		return nil
	}
	id := c.keys[mathrand.IntN(len(c.keys))]
	issued, err := c.Rotate(ctx, alice, id, time.Now().Add(time.Hour))
	return c.acknowledge(audit.CredentialRotated, id, issued.Secret, err)
}

func (c *child) revokeTokens() error {
	if len(c.apps) == 0 {
		return nil
	}
	id := c.apps[mathrand.IntN(len(c.apps))].Credential.ID
	return c.acknowledge(audit.TokensRevoked, id, secret.Value{}, c.RevokeTokens(ctx, alice, id))
}

func (c *child) sealing() error {
	return c.acknowledge(audit.SealingKeyRotated, "sandbox", secret.Value{}, c.RotateSealingKey(ctx, alice, "sandbox"))
}

func (c *child) changeSecret() error {
	if len(c.apps) == 0 {
		return nil
	}
	app := &c.apps[mathrand.IntN(len(c.apps))]
	next, err := secret.PartnerSecret(rand.Reader)
	if err != nil {
		return err
	}
	outcome, err := c.ChangeSecret(ctx, app.Credential.ID, app.Login, app.Secret.Bytes(), next.Bytes(), true)
	if err == nil && outcome != registry.Proved {
		err = fmt.Errorf("changing the secret: %s", outcome)
	}
	app.Secret = next
	return c.acknowledge(audit.SecretChanged, app.Credential.ID, secret.Value{}, err)
}

func (c *child) revoke() error {
	if len(c.keys) < 2 {
		return nil
	}
	id := c.keys[0]
	c.keys = c.keys[1:]
	return c.acknowledge(audit.CredentialRevoked, id, secret.Value{}, c.RevokeCredential(ctx, alice, id, ""))
}
