package portal

import (
	"net/http"
	"time"

	"countersign.dev/internal/edge/page"
	"countersign.dev/internal/operator"
)

func accountRoutes() []route {
	return []route{{pattern: "GET /account", serve: (*visit).account}}
}

// accountPage is the Data of "account".
type accountPage struct {
	Login, Name, Partner string
	Ends                 time.Time
	Members              []memberRow
}

// memberRow is a colleague: who it is, and nothing of how the person signs in.
type memberRow struct {
	Login, Name string
	State       operator.State
	Tone        string
	Self        bool
}

// account shows who is signed in, where passkeys and recovery codes are looked after, and who else can sign in.
func (v *visit) account(w http.ResponseWriter, r *http.Request) {
	own, err := v.own(r.Context())
	if err != nil {
		v.fail(w, r, err, nil)
		return
	}
	data := accountPage{Login: v.who.Name, Partner: own.Partner.Name, Ends: v.who.ExpiresAt}
	for _, m := range own.Members {
		row := memberRow{Login: m.Login, Name: m.Name, State: m.State(), Self: m.ID == v.who.ID}
		row.Tone = map[operator.State]string{operator.Active: "good", operator.Invited: "info"}[row.State]
		if row.Self {
			data.Name = m.Name
		}
		data.Members = append(data.Members, row)
	}
	v.show(w, r, "account", page.View{Title: "Your account", Section: "account", Narrow: true, Data: data})
}
