package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// ready is what the ready file holds. Its names are a promise to scripts.
type ready struct {
	CAFile       string                      `json:"ca_file"`
	OpsURL       string                      `json:"ops_url"`
	DecisionLog  string                      `json:"decision_log"`
	Admin        readyAdmin                  `json:"admin"`
	Portal       readyPortal                 `json:"portal"`
	Environments map[string]readyEnvironment `json:"environments"`
}

// readyAdmin is the operators' plane.
type readyAdmin struct {
	URL          string `json:"url"`
	SignInLink   string `json:"sign_in_link"`  // for a browser on this machine; counts once, the next one stands in the log
	ServiceToken string `json:"service_token"` // for programs: Authorization: Bearer
}

// readyPortal is the partners' portal.
type readyPortal struct {
	URL        string `json:"url"`
	SignInLink string `json:"sign_in_link"` // for a browser on this machine; counts once, the next one stands in the log
}

type readyEnvironment struct {
	BaseURL     string           `json:"base_url"`
	Aggregation readyAggregation `json:"aggregation"`
	Card        readyCard        `json:"card"`
}

type readyAggregation struct {
	BasePath      string `json:"base_path"`
	AppKey        string `json:"app_key"`
	PartnerID     string `json:"partner_id"`
	PartnerSecret string `json:"partner_secret"` // empty: the partner changed it over the wire, and only the partner knows it
}

type readyCard struct {
	BasePath  string `json:"base_path"`
	APIToken  string `json:"api_token"`
	APISecret string `json:"api_secret"`
}

func (d *devServer) ready() ready {
	admin := readyAdmin{URL: d.planeURL(), SignInLink: d.signInLink(), ServiceToken: d.state.Service.Token}
	r := ready{Admin: admin, Portal: readyPortal{URL: d.portalURL(), SignInLink: d.portalLink()}, CAFile: d.caFile, OpsURL: d.opsURL(), DecisionLog: d.decisionLog(), Environments: map[string]readyEnvironment{}}
	for _, environment := range devEnvironments {
		c := d.state.Environments[environment]
		r.Environments[environment] = readyEnvironment{
			BaseURL:     d.baseURL(environment),
			Aggregation: readyAggregation{BasePath: aggregationPath, AppKey: c.App.KeyID, PartnerID: c.App.Login, PartnerSecret: c.App.Secret},
			Card:        readyCard{BasePath: cardPath, APIToken: c.Signing.KeyID, APISecret: c.Signing.Secret},
		}
	}
	return r
}

// clearReadyFile removes what a former run left at path, so that no script takes it for this run's. It refuses to touch
// anything else: a device, a link, somebody's file; and a path at which nothing can be written later.
func clearReadyFile(path string) error {
	if info, err := os.Stat(filepath.Dir(path)); err != nil || !info.IsDir() {
		return hinted{fmt.Errorf("no folder for the ready file %s", path), "make it first"}
	}
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("look at the ready file of a former run: %w", err)
	}
	if !info.Mode().IsRegular() || !isReadyFile(path) {
		return hinted{fmt.Errorf("%s is there already and is no ready file", path), "name another file with --ready-file"}
	}
	if err := os.Remove(path); err != nil {
		return fmt.Errorf("remove the ready file of a former run: %w", err)
	}
	return nil
}

// isReadyFile reports whether a regular file is one that some run wrote. They are written whole, so that there are no halves.
func isReadyFile(path string) bool {
	text, err := readPrivate(path)
	var former ready
	return err == nil && json.Unmarshal(text, &former) == nil && len(former.Environments) > 0
}

// writeReadyFile writes what a script needs. The caller calls remove at the end: it takes the file away if it is still this
// run's.
func (d *devServer) writeReadyFile() (remove func(), err error) {
	path := d.options.readyFile
	text, err := json.MarshalIndent(d.ready(), "", "  ")
	if err != nil {
		return nil, err
	}
	if err := replaceFile(path, append(text, '\n')); err != nil {
		return nil, fmt.Errorf("write the ready file: %w", err)
	}
	ours, err := os.Lstat(path)
	if err != nil {
		return nil, fmt.Errorf("write the ready file: %w", err)
	}
	return func() {
		if now, err := os.Lstat(path); err == nil && os.SameFile(ours, now) {
			_ = os.Remove(path) // what cannot be removed is seen to be stale by its ops_url
		}
	}, nil
}
