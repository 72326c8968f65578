package console

import (
	"encoding/json"

	"countersign.dev/api"
)

// file shows what applying would do now: a dry run, for who may apply files; else the partners that the file names.
func (d *differ) file() {
	var desired api.Desired
	if !d.params(&desired) {
		return
	}
	d.out.Says = "A declarative file with " + plural(len(desired.Partners), "partner") + " is applied, in one transaction."
	if len(desired.Partners) > maxTried {
		d.out.Blind = "The file is long: what it would change is not tried for this page. countersign apply --dry-run shows it."
		d.named(desired)
		return
	}
	if !d.tries {
		d.out.Blind = "Only who may apply files sees what it would change line by line; this is what the file names, and all of it stands below."
		d.named(desired)
		return
	}
	done, err := d.api.RegisterApply(d.ctx, api.RegisterApplyParams{}, api.Apply{Desired: asDesired(d.p.Params), DryRun: true})
	if err == nil {
		d.out.Steps = viewSteps(done.Value.Steps)
		return
	}
	d.out.Warn = append(d.out.Warn, "It could not be tried: "+err.Error())
	d.named(desired)
}

// named lists the partners of a file, the first ones.
func (d *differ) named(desired api.Desired) {
	for _, p := range desired.Partners[:min(len(desired.Partners), maxSteps)] {
		d.row("Partner", "", p.Name)
	}
	if more := len(desired.Partners) - maxSteps; more > 0 {
		d.row("Further ones", "", plural(more, "partner"))
	}
}

// Bounds of what a page shows of a declarative file, and of what it tries.
const (
	maxTried = 300
	maxSteps = 500
)

// stepsView are the steps of a file, the first ones.
type stepsView struct {
	Items []api.Step
	More  int
}

func viewSteps(all []api.Step) stepsView {
	n := min(len(all), maxSteps)
	return stepsView{all[:n], len(all) - n}
}

// asDesired reads the parameters of register.apply, whose limits name their credential otherwise than the contract's body does.
func asDesired(raw json.RawMessage) api.Desired {
	var tree any
	_ = json.Unmarshal(raw, &tree)
	rename(tree, "credential", "credential_id")
	text, _ := json.Marshal(tree)
	var out api.Desired
	_ = json.Unmarshal(text, &out)
	return out
}

func rename(tree any, from, to string) {
	switch t := tree.(type) {
	case map[string]any:
		if v, ok := t[from]; ok {
			delete(t, from)
			t[to] = v
		}
		for _, v := range t {
			rename(v, from, to)
		}
	case []any:
		for _, v := range t {
			rename(v, from, to)
		}
	}
}
