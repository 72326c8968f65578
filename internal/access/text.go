package access

// textSlab is how long a piece of texts is. Whoever keeps a text keeps its piece alive, and no more.
const textSlab = 1 << 15

// texts holds the names of many credentials in few pieces, so that the garbage collector has no million of them to look after.
type texts struct {
	full []string
	open []byte // of the piece that is being filled
}

// add takes in a text of at most textSlab bytes, and says where it stands.
func (t *texts) add(text string) uint32 {
	if len(t.open)+len(text) > textSlab {
		t.seal()
	}
	at := uint32(len(t.full)*textSlab + len(t.open))
	t.open = append(t.open, text...)
	return at
}

// spent reports whether there is no room for further names: a place is a number of 32 bits.
func (t *texts) spent() bool { return len(t.full) >= 1<<32/textSlab-1 }

// seal ends the piece that is being filled: only then can its texts be asked for.
func (t *texts) seal() {
	if len(t.open) > 0 {
		t.full = append(t.full, string(t.open))
		t.open = t.open[:0]
	}
}

// at is the text of n bytes that stands somewhere.
func (t *texts) at(where, n uint32) string {
	piece := t.full[where/textSlab]
	return piece[where%textSlab:][:n]
}
