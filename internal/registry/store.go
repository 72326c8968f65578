package registry

import (
	"context"
	"time"

	"countersign.dev/internal/audit"
	"countersign.dev/internal/partner"
)

// Store keeps the register. Its rules, which every engine proves by running the suite of internal/store/storetest:
// an Update is applied whole or not at all, and when it returns nil it is durable; an Update that changes anything but the
// count of failures must Record a change, or it is refused; the change rows are one chain, and every row that an Update
// writes or removes is touched by one of its change rows with its digest; Views see one consistent moment. Errors wrap the sentinels of
// internal/store. Safe for concurrent use.
type Store interface {
	// View calls read with a transaction that cannot write. The Tx is dead afterwards.
	View(ctx context.Context, read func(Tx) error) error
	// Update calls change with the only writing transaction there is. An error from change takes everything back and is
	// returned as it is. ctx bounds the waiting; once begun, the transaction is finished.
	Update(ctx context.Context, change func(Tx) error) error
	// Aside is for what is no change of the register: nodes and leases. It does not wait for those who write the register, where the engine
	// has several writers; the end of ctx takes it back. A change row in it is store.ErrUnrecorded.
	Aside(ctx context.Context, write func(Tx) error) error
	// Revision is the number of changes so far; cheap enough to be asked several times a second.
	Revision(ctx context.Context) (uint64, error)
}

// Tx is one transaction, for one goroutine. A lookup that finds nothing returns false and no error. Lists come in a stable
// order; an empty argument lists everything. Sealed values pass through untouched; Secret and Key are never written.
type Tx interface {
	Partner(id string) (partner.Partner, bool, error)
	Partners() ([]partner.Partner, error)
	PartnersByName(name string) ([]partner.Partner, error)
	// EachPartner yields what Partners lists, in pieces of at most size, which are whoever's they are yielded to; nothing is read ahead of a
	// piece, and yield may use the transaction. An error of yield ends it and is returned as it is. EachReview, EachCredential, EachNetwork
	// and EachLimit do the same with what Reviews(""), Credentials(""), Networks("") and Limits("") list.
	EachPartner(size int, yield func([]partner.Partner) error) error
	PutPartner(partner.Partner) error
	PartnerPage(partner.PartnerQuery) ([]partner.Partner, error) // Limit 0: no limit; it reads no more than it lists, but for the names it compares

	Review(partnerID, environment string) (partner.Review, bool, error)
	Reviews(partnerID string) ([]partner.Review, error)
	EachReview(size int, yield func([]partner.Review) error) error
	PutReview(partner.Review) error
	DeleteReview(partnerID, environment string) error

	Credential(id string) (partner.Credential, bool, error)
	CredentialByName(wire string) (partner.Credential, bool, error)       // by key id or login
	Credentials(partnerID string) ([]partner.Credential, error)           // with their versions, newest first
	CredentialPage(partner.CredentialQuery) ([]partner.Credential, error) // as PartnerPage
	EachCredential(size int, yield func([]partner.Credential) error) error
	PutCredential(partner.Credential) error              // the row and its versions; a version is never deleted
	PutFailures(credentialID string, failures int) error // needs no change row

	Network(id string) (partner.NetworkRule, bool, error)
	Networks(partnerID string) ([]partner.NetworkRule, error)
	EachNetwork(size int, yield func([]partner.NetworkRule) error) error
	PutNetwork(partner.NetworkRule) error
	DeleteNetwork(id string) error

	Limit(id string) (partner.Limit, bool, error)
	Limits(partnerID string) ([]partner.Limit, error)
	EachLimit(size int, yield func([]partner.Limit) error) error
	PutLimit(partner.Limit) error // scope and time of an existing one stay
	DeleteLimit(id string) error

	SealingKeys(environment string) ([]partner.SealingKey, error)
	PutSealingKey(partner.SealingKey) error
	DeleteSealingKey(environment string, id uint32) error

	PutSealed(credentialID string, number int, sealed []byte) error  // the sealed secret of a version that is there
	PutSealedKey(environment string, id uint32, sealed []byte) error // the sealed form of a sealing key that is there

	Document(kind, id string) (partner.Document, bool, error)
	DocumentByAlias(kind, alias string) (partner.Document, bool, error)
	Documents(partner.DocumentQuery) ([]partner.Document, error) // by creation and id; a Kind is required
	PutDocument(partner.Document) error                          // kind, id and creation of an existing one stay
	DeleteDocument(kind, id string) error

	Transient(kind, id string) (partner.Transient, bool, error) // also one that has ended: the caller compares
	PutTransient(partner.Transient) error                       // these four need no change row and touch nothing
	DeleteTransient(kind, id string) error
	DeleteTransientsOf(kind, owner string) error
	DeleteTransientsBefore(end time.Time) error // those that ended before

	// Nodes and leases need no change row and touch nothing either. Their moments are of the database's clock, which is Now.
	Now() (time.Time, error)
	Node(id string) (partner.Node, bool, error)
	Nodes() ([]partner.Node, error) // by name and id
	CountNodes() (int, error)
	PutNode(partner.Node) error
	DeleteNode(id string) error
	DeleteNodesBefore(beat time.Time) error
	ChangedAt() (revision uint64, at time.Time, err error) // of the last change, by the database's clock; a zero at: not known
	Lease(name string) (partner.Lease, bool, error)        // also one that has ended; kept as it is until the transaction ends
	PutLease(partner.Lease) error                          // nothing happens where another one has it in this term or a later one

	Blob(digest [32]byte) ([]byte, bool, error)          // compared with the digest
	PutBlob(content []byte) (digest [32]byte, err error) // SHA-256; needs no change row: the document that names the digest has one

	// Record takes down the change row for what was written since the last one. It is written, and the revision raised, when
	// the transaction ends; until then nothing here shows it.
	Record(audit.Change) error
	Changes(after uint64, limit int) ([]audit.Change, error)
	ChangePage(audit.ChangeQuery) ([]audit.Change, error) // as PartnerPage
	Head() (audit.Head, error)
	Revision() (uint64, error)
}

// Engine is a store as an engine writes it, with its own type of transaction, so that engines need not import this package.
type Engine[T Tx] interface {
	View(ctx context.Context, read func(T) error) error
	Update(ctx context.Context, change func(T) error) error
	Aside(ctx context.Context, write func(T) error) error
	Revision(ctx context.Context) (uint64, error)
}

// Adapt makes a Store of an engine. It owns nothing; whoever opened the engine closes it.
func Adapt[T Tx](engine Engine[T]) Store { return adapted[T]{engine} }

type adapted[T Tx] struct{ engine Engine[T] }

func (a adapted[T]) View(ctx context.Context, read func(Tx) error) error {
	return a.engine.View(ctx, func(tx T) error { return read(tx) })
}

func (a adapted[T]) Update(ctx context.Context, change func(Tx) error) error {
	return a.engine.Update(ctx, func(tx T) error { return change(tx) })
}

func (a adapted[T]) Aside(ctx context.Context, write func(Tx) error) error {
	return a.engine.Aside(ctx, func(tx T) error { return write(tx) })
}

func (a adapted[T]) Revision(ctx context.Context) (uint64, error) { return a.engine.Revision(ctx) }
