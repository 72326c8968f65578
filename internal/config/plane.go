package config

import (
	"net/netip"
	"time"
)

// Webhooks is about the calls that this server makes to partners' endpoints.
type Webhooks struct {
	// SourceAddresses are where these calls come from, as partners are told; masked. Empty: nothing is told.
	SourceAddresses []netip.Prefix `key:"source_addresses"`
	// Allow are networks that are called although they are not public: private, link-local or shared ones (security rule 32).
	// Empty: none.
	Allow []netip.Prefix `key:"allow"`
}

// Credentials is about the life of credentials' versions.
type Credentials struct {
	// RetireSilent is for how long a version that has an end, or a successor, must have been silent to be ended now. 0 ("never"):
	// that is done by hand. At least 7 days. Default never.
	RetireSilent time.Duration `key:"retire_silent"`
	// WarnBefore is how long before its end a version that is in use counts as ending, in the metrics and the log. Default 30 days.
	WarnBefore time.Duration `key:"warn_before"`
}
