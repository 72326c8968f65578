package turnstile

import (
	"sync"
	"testing"
)

func TestKeyedSharesAValueWhileSomebodyIsAtIt(t *testing.T) {
	made := 0
	k := NewKeyed[string](2, func() *int { made++; return new(int) })
	first, ok := k.Come("a")
	again, ok2 := k.Come("a")
	if !ok || !ok2 || first != again {
		t.Fatal("two at one key do not share its value")
	}
	if _, ok := k.Come("a"); ok {
		t.Error("a third caller was let in")
	}
	if other, ok := k.Come("b"); !ok || other == first {
		t.Error("another key is not apart")
	}
	if k.Callers("a") != 2 || k.All() != 3 || k.Callers("c") != 0 {
		t.Errorf("%d at a, %d in all", k.Callers("a"), k.All())
	}
	k.Leave("a")
	k.Leave("a")
	k.Leave("a") // one too many changes nothing
	if later, ok := k.Come("a"); !ok || later == first || made != 3 {
		t.Errorf("the value of an empty key was kept; %d made", made)
	}
}

func TestKeyedForgetsEverybody(t *testing.T) {
	k := NewKeyed[int](1000, func() struct{} { return struct{}{} })
	var all sync.WaitGroup
	for i := range 50 {
		all.Go(func() {
			for range 200 {
				if _, ok := k.Come(i % 5); ok {
					k.Leave(i % 5)
				}
			}
		})
	}
	all.Wait()
	if k.All() != 0 || len(k.open) != 0 {
		t.Errorf("%d callers and %d keys are left", k.All(), len(k.open))
	}
}
