package main

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
