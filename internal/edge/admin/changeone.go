package admin

import (
	"net/http"
	"strconv"
)

// ChangeGet tells one change by its number.
func (h handlers) ChangeGet(w http.ResponseWriter, r *http.Request, seq string) {
	c := w.(*call)
	number, err := strconv.ParseUint(seq, 10, 63)
	if err != nil {
		c.refuse(notFound)
		return
	}
	rows, err := h.cfg.Registry.Changes(r.Context(), number-1, 1)
	if err != nil {
		c.fail(err)
		return
	}
	if len(rows) == 0 || rows[0].Seq != number {
		c.refuse(notFound)
		return
	}
	c.json(http.StatusOK, viewChange(rows[0]))
}
