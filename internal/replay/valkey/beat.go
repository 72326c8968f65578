package valkey

import (
	"fmt"
	"strconv"
	"time"

	"countersign.dev/internal/valkeylink"
)

// markKey is where the mark of a part is kept: on the server whose clock it is about, and with a cluster in the slot of the
// lane, since a script keeps to one slot.
func (g *Guard) markKey(part int) string { return g.cfg.Prefix + valkeylink.Tag(part) + "mark" }

func (g *Guard) seenText(part int) string { return strconv.FormatInt(g.seen[part].Load(), 10) }

// sawMark remembers the latest second that a server was seen at.
func (g *Guard) sawMark(part int, mark int64) {
	for {
		seen := g.seen[part].Load()
		if mark <= seen || g.seen[part].CompareAndSwap(seen, mark) {
			return
		}
	}
}

// run raises the marks at each beat, so that a clock of the server that runs ahead and back is noticed without a claim.
func (g *Guard) run() {
	defer close(g.done)
	ticker := time.NewTicker(valkeylink.Beat)
	defer ticker.Stop()
	for {
		g.Beat()
		select {
		case <-g.stop:
			return
		case <-ticker.C:
		}
	}
}

// Beat raises the marks and compares the clocks once. The guard does so by itself; tests need not wait for it.
func (g *Guard) Beat() {
	for part := range g.cfg.Link.Parts() {
		mark := g.markKey(part)
		answer, err := g.cfg.Link.Run(part, markScript, []string{mark, mark}, []string{g.seenText(part)})
		if err != nil || len(answer) != 2 {
			continue // the link knows, and claims of the part are refused
		}
		g.sawMark(part, answer[1])
		if part == 0 {
			g.apart.Store(answer[0] - g.cfg.Link.Now().Unix())
		}
	}
}

// Ready is nil, or why claims are refused now: no answer, a server that may evict keys, clocks that are apart.
func (g *Guard) Ready() error {
	if err := g.cfg.Link.Ready(); err != nil {
		return err
	}
	if err := g.policy(); err != nil {
		return err
	}
	if apart := g.apart.Load(); apart > g.drift || -apart > g.drift {
		return fmt.Errorf("the shared cache's clock is %d seconds ahead of this node's (below 0: behind), and %s are allowed; set the wrong one right", apart, g.cfg.MaxDrift)
	}
	return nil
}

// Close ends the guard, and leaves the link open. Claims fail with replay.ErrUnavailable from then on. A second Close does
// nothing.
func (g *Guard) Close() error {
	g.once.Do(func() {
		g.closed.Store(true)
		close(g.stop)
		<-g.done
	})
	return nil
}
