package main

import (
	"bytes"
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
	Environments map[string]readyEnvironment `json:"environments"`
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
	r := ready{CAFile: d.caFile, OpsURL: "http://" + d.ops.addr.String(), DecisionLog: d.decisionLog(), Environments: map[string]readyEnvironment{}}
	for _, w := range d.worlds {
		c := d.state.Environments[w.environment]
		r.Environments[w.environment] = readyEnvironment{
			BaseURL:     w.baseURL(),
			Aggregation: readyAggregation{BasePath: aggregationPath, AppKey: c.App.KeyID, PartnerID: c.App.Login, PartnerSecret: c.App.Secret},
			Card:        readyCard{BasePath: cardPath, APIToken: c.Signing.KeyID, APISecret: c.Signing.Secret},
		}
	}
	return r
}

// clearReadyFile removes what a former run left at path, so that no script takes it for this run's. It refuses to touch
// anything else, and a path at which nothing can be written later.
func clearReadyFile(path string) error {
	if info, err := os.Stat(filepath.Dir(path)); err != nil || !info.IsDir() {
		return hinted{fmt.Errorf("no folder for the ready file %s", path), "make it first"}
	}
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("look at the ready file of a former run: %w", err)
	}
	var former ready
	if len(bytes.TrimSpace(text)) > 0 && (json.Unmarshal(text, &former) != nil || former.Environments == nil) {
		return hinted{fmt.Errorf("%s is there already and is no ready file", path), "name another file with --ready-file"}
	}
	if err := os.Remove(path); err != nil {
		return fmt.Errorf("remove the ready file of a former run: %w", err)
	}
	return nil
}
