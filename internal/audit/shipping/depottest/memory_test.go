package depottest_test

import (
	"testing"

	"countersign.dev/internal/audit/shipping"
	"countersign.dev/internal/audit/shipping/depottest"
)

func TestADepotInMemory(t *testing.T) {
	depots := map[*testing.T]*depottest.Memory{}
	depottest.Run(t, func(t *testing.T) shipping.Depot {
		if depots[t] == nil {
			depots[t] = new(depottest.Memory)
		}
		return depots[t]
	})
}
