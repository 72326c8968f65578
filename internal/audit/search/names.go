package search

// name is a field that Line has a place for; the value is its bit in scanner.seen.
type name uint8

const (
	nameUnknown name = iota
	nameTime
	nameRequestID
	nameEnvironment
	nameAPI
	nameDecision
	nameReason
	nameWhere
	nameStatus
	nameMethod
	namePath
	nameQuery
	nameQueryDigest
	nameProtocol
	namePartner
	nameCredential
	nameVersion
	nameProved
	nameAddress
	namePeer
	nameCountry
	nameDerivation
	nameOther
	nameSkew
	nameCause
	nameDuration
	nameBytesIn
	nameBytesOut
	nameSeq
	nameGap
	nameLost
	nameSegment
	nameRetired
	nameWarnings
	nameLead
	nameTried
	nameShadow
	nameShadowProfile
)

// names are spelt as internal/audit writes them.
var names = map[string]name{
	"time": nameTime, "request_id": nameRequestID, "environment": nameEnvironment, "api": nameAPI, "decision": nameDecision,
	"reason": nameReason, "where": nameWhere, "status": nameStatus, "method": nameMethod, "path": namePath, "query": nameQuery,
	"query_digest": nameQueryDigest, "protocol": nameProtocol, "partner": namePartner, "credential": nameCredential,
	"version": nameVersion, "proved": nameProved, "address": nameAddress, "peer": namePeer, "country": nameCountry,
	"derivation": nameDerivation, "other_environment": nameOther, "skew_s": nameSkew, "cause": nameCause,
	"duration_us": nameDuration, "bytes_in": nameBytesIn, "bytes_out": nameBytesOut, "seq": nameSeq, "gap": nameGap,
	"lost": nameLost, "segment": nameSegment, "retired": nameRetired,
	"warnings": nameWarnings, "skew_ms": nameLead, "tried": nameTried, "shadow": nameShadow, "shadow_profile": nameShadowProfile,
}

// written is the order in which internal/audit and the record write names: after one of them, the next is very likely one of the
// few behind it, and needs no look into the map.
var written = spelt("time", "request_id", "environment", "api", "decision", "reason", "where", "status", "method", "path", "query",
	"query_digest", "protocol", "partner", "credential", "version", "proved", "address", "peer", "country", "derivation",
	"other_environment", "skew_s", "warnings", "skew_ms", "tried", "shadow", "shadow_profile", "cause", "duration_us", "bytes_in",
	"bytes_out", "seq", "chain")

// spelling is a name as it stands in a line.
type spelling struct {
	text string // with quotes and colon
	name name
}

func spelt(keys ...string) []spelling {
	list := make([]spelling, len(keys))
	for i, key := range keys {
		list[i] = spelling{`"` + key + `":`, names[key]}
	}
	return list
}
