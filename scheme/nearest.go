package scheme

import (
	"net/textproto"
	"strconv"
)

// Nearest is the hint for a misspelt word: `did you mean "target"?`, or empty when none of the known words is close. Words longer than 64 bytes get none.
func Nearest(word string, known []string) string {
	if len(word) > 64 {
		return ""
	}
	best, distance := "", 3
	if len(word) <= 3 {
		distance = 2
	}
	for _, k := range known {
		if d := editDistance(word, k); d < distance {
			best, distance = k, d
		}
	}
	if best == "" {
		return ""
	}
	return `did you mean "` + best + `"?`
}

// editDistance counts insertions, deletions, changes and swaps of neighbours that lead from a to b.
func editDistance(a, b string) int {
	older, old, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range old {
		old[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(old[j]+1, row[j-1]+1, old[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], older[j-2]+1)
			}
		}
		older, old, row = old, row, older
	}
	return old[len(b)]
}

// quoted is a foreign word as it may stand in a message: escaped, and not longer than it need be.
func quoted(word string) string {
	if len(word) > 64 {
		word = word[:64] + "…"
	}
	return strconv.Quote(word)
}

func canonical(name string) string { return textproto.CanonicalMIMEHeaderKey(name) }
func number(n int) string          { return strconv.Itoa(n) }
