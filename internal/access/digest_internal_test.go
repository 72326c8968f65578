package access

import (
	"crypto/sha256"
	"fmt"
	"strings"
	"testing"
)

// The names of rows in tokens, replay keys and the buckets of limits outlast a program: they never change. Rule 10: every part has its
// length before it, also of parts that are longer than there is room for at first.
func TestRule10NamesOfRowsStayWhatTheyAre(t *testing.T) {
	long := strings.Repeat("x", 300)
	for _, one := range [][2]string{{"", ""}, {"sandbox", "crd_1"}, {"sandbox1", "3:rd_1"}, {"production", long}} {
		text := fmt.Sprintf("%d:%s%d:%s", len(one[0]), one[0], len(one[1]), one[1])
		for what, got := range map[string][16]byte{"countersign credential": tagOf(one[0], one[1]), "countersign rate partner": partnerTag(one[0], one[1]),
			"countersign rate api": apiTag(one[0], one[1])} {
			if want := sha256.Sum256([]byte(what + "\x00" + text)); got != [16]byte(want[:16]) {
				t.Errorf("%s of %q: %x", what, one, got)
			}
		}
	}
}
