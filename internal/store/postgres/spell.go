package postgres

import (
	"strconv"
	"strings"
	"sync"

	"countersign.dev/internal/store/tables"
)

// clock is tables.Clock as PostgreSQL spells it. It goes on within a transaction.
const clock = "CAST(extract(epoch FROM clock_timestamp()) * 1000000 AS BIGINT)"

// spellings remembers what spell made of each statement: there are some dozens.
var spellings sync.Map

// spell numbers the arguments of a statement, which stand as question marks and nowhere else, and has PostgreSQL's clock read.
func spell(statement string) string {
	if done, ok := spellings.Load(statement); ok {
		return done.(string)
	}
	var b strings.Builder
	n, text := 0, strings.ReplaceAll(statement, tables.Clock, clock)
	for i := range len(text) {
		if text[i] != '?' {
			b.WriteByte(text[i])
			continue
		}
		n++
		b.WriteByte('$')
		b.WriteString(strconv.Itoa(n))
	}
	spellings.Store(statement, b.String())
	return b.String()
}
