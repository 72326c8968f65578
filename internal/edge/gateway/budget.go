package gateway

// Take takes n bytes for a body that is held beside the gateway's own, by a door for other proxies. False: there are not so
// many left, and nothing was taken. What was taken is given back with Give.
func (b *Budget) Take(n int64) bool { return b.take(n) }

// Give gives back what was taken.
func (b *Budget) Give(n int64) { b.give(n) }
