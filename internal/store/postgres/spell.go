package postgres

import (
	"strconv"
	"strings"
	"sync"
)

// spellings remembers what spell made of each statement: there are some dozens.
var spellings sync.Map

// spell numbers the arguments of a statement, which stand as question marks and nowhere else.
func spell(statement string) string {
	if done, ok := spellings.Load(statement); ok {
		return done.(string)
	}
	var b strings.Builder
	n := 0
	for i := range len(statement) {
		if statement[i] != '?' {
			b.WriteByte(statement[i])
			continue
		}
		n++
		b.WriteByte('$')
		b.WriteString(strconv.Itoa(n))
	}
	spellings.Store(statement, b.String())
	return b.String()
}
