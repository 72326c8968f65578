package search

// Companion is told of the lines that a Searcher reads for its index, so that whoever else wants every line need not read and
// parse the record once more. The Searcher tells of each line when it indexes it: usually once, in the order of the record, soon
// after it was written; but again when an index is made anew, and not at all where an index was found ready in its file. The
// companion knows by Line.Seq what it has missed, and reads that itself. It is told while the index waits for it: it does no
// I/O, returns at once, and keeps none of a line's texts.
type Companion interface {
	Begin()         // some lines follow
	Line(l *Line)   // one that is also a line to package segment; valid until it returns
	Unread()        // something that is none: what follows is not told as a continuation of what was
	End(ended bool) // no more for now; ended: the whole record has been read
}
