package main

import (
	"net/netip"
	"time"

	"countersign.dev/internal/access"
	"countersign.dev/internal/audit/search"
	"countersign.dev/internal/edge/problem"
	"countersign.dev/internal/whatif"
)

// recall is how a server looks back at the records: what a change would have done, what was used, why a request was refused.
type recall struct {
	archive whatif.Archive // this server's own record, to be searched and exported
	all     *manyRecords   // that and those of other nodes, as one
	engine  *whatif.Engine
	tails   *search.Tails // follow this server's own record
}

// openRecall opens it over the record and the counts that derive keeps, and over records of other servers beside it.
func (a *assembly) openRecall(record, rollups string, beside ...*besideRecord) error {
	searcher, err := search.Open(search.Config{Dir: record, ReadOnly: true, Log: a.log}) // the index is written by what derive started
	if err != nil {
		return err
	}
	records, counts := []whatif.Records{searcher}, []string{rollups}
	for _, b := range beside {
		records, counts = append(records, b), append(counts, b.rollups)
	}
	engine, err := whatif.New(whatif.Config{
		Others:  a.otherNodes(),
		Records: records, Rollups: counts, Register: a.register, APIs: a.servedAPIs, Now: a.now,
		Countries: (*servedCountries)(a), HasCountries: a.servesCountries, Trusted: a.servedProxies, Told: told,
	})
	if err != nil {
		return err
	}
	tails, err := a.openTails(record)
	if err != nil {
		return err
	}
	archive := whatif.Archive{Searcher: searcher, Dir: record}
	a.recall = &recall{archive: archive, all: &manyRecords{all: func() []namedRecord { return a.everyRecord(archive) }}, engine: engine, tails: tails}
	return a.openLooks(record, rollups, beside)
}

// otherNodes are the records of other nodes for questions; nil: they are not collected.
func (a *assembly) otherNodes() whatif.Others {
	if a.nodeRecords == nil {
		return nil // not a.nodeRecords: a nil *collecting is not a nil whatif.Others
	}
	return a.nodeRecords
}

// everyRecord is this node's own record, and then those of others.
func (a *assembly) everyRecord(own oneRecord) []namedRecord {
	all := []namedRecord{{"own", "", own}}
	for _, one := range a.nodeRecords.beside() {
		all = append(all, namedRecord{cursorName(one.dir), one.node, one})
	}
	return all
}

// servedAPIs are those of the blueprint in force.
func (a *assembly) servedAPIs() []*access.API {
	if g := a.current.Load(); g != nil {
		return g.blueprint.apis()
	}
	return nil
}

// servedProxies are the networks whose forwarding header counts in an environment.
func (a *assembly) servedProxies(environment string) []netip.Prefix {
	if g := a.current.Load(); g != nil {
		for _, w := range g.blueprint.worlds {
			if w.environment == environment {
				return w.address.Trusted
			}
		}
	}
	return nil
}

// servedCountries is the country file in force, whichever that is.
type servedCountries assembly

// Country implements access.Countries. Without a file no address has a country.
func (s *servedCountries) Country(address netip.Addr) (string, bool) {
	g := s.current.Load()
	if g == nil || g.countries == nil {
		return "", false
	}
	return g.countries.Country(address)
}

// servesCountries reports whether the configuration in force names a country file.
func (a *assembly) servesCountries() bool {
	g := a.current.Load()
	return g != nil && g.countries != nil
}

// told is what a caller heard of a decision, in the format of most callers.
func told(d *access.Decision, id string, at time.Time) whatif.Told {
	answer := problem.Render(d, problem.JSON, id, at)
	return whatif.Told{Status: answer.Status, Type: answer.ContentType, Body: string(answer.Body)}
}
