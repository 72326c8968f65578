package strict

// state is where the scanner stands. The order matters: states up to
// stHeadLF belong to the head.
type state uint8

const (
	stStart   state = iota // before the request line
	stStartLF              // CR of a leading empty line seen
	stMethod
	stTargetTop // first byte of the target
	stTarget
	stPercent1  // first digit of an escape in the path
	stPercent2  // second digit
	stAuthority // host and port of CONNECT
	stVersion
	stRequestCR // the line end of the request line
	stRequestLF
	stLine // at the start of a header line
	stName
	stLead // white space after the colon
	stValue
	stValueLF
	stHeadLF // LF of the empty line that ends the head

	stBody // body of known length
	stSize // chunk size
	stSizeLF
	stData // chunk data
	stDataCR
	stDataLF
	stTrailer // at the start of a trailer line
	stTrailerName
	stTrailerData
	stTrailerLF
	stFinalLF // LF of the empty line that ends the trailers
	stShut    // nothing more may be read
)

const (
	maxNameKept  = 18   // longest name that this package reads is 17 bytes
	maxValueKept = 264  // host name of 253, colon, port, and some to spare
	maxTrailer   = 4000 // below the 4096 that net/http can hold
)

// limits bound a head.
type limits struct{ head, line, lines int }

// scanner reads the bytes of one connection, one request after another, in
// whatever pieces they come: its verdict does not depend on the pieces. It
// keeps no body byte and allocates nothing.
type scanner struct {
	lim limits
	message

	dropped  int  // leading bytes that net/http must not see, in the last feed
	headDone bool // the last feed reached the end of a head
	done     bool // the last feed reached the end of a message, perhaps that of its head

	name [maxNameKept]byte
	val  [maxValueKept]byte
}

// message is what the scanner knows of the message at hand. It is replaced as a
// whole for the next one, so that nothing can be carried over.
type message struct {
	st    state
	marks Marks

	line      int    // bytes of the request line
	emptyLine bool   // a leading empty line was seen
	inQuery   bool   // the target is past its first '?'
	verAt     int    // bytes of the version matched
	port      bool   // CONNECT: past the colon
	field     field  // of the header line at hand
	seen      uint16 // fields that came already, one bit each
	framing   bool   // Trailer announces a framing field

	nameLen int // bytes of the method or name at hand; name holds the first of them
	valLen  int // bytes held in val
	valLong bool

	remain  uint64 // body or chunk bytes still to come
	digits  int    // of the chunk size
	extra   int    // bytes of the trailer section
	trailed int    // its lines
}

// next makes the scanner ready for the next message of the connection.
func (s *scanner) next() {
	s.message = message{marks: Marks{ContentLength: -1}}
	s.dropped, s.headDone, s.done = 0, false, false
}

// inHead reports whether the message's head is not complete yet.
func (s *scanner) inHead() bool { return s.st <= stHeadLF }

// over reports whether the message is complete, or broken off.
func (s *scanner) over() bool { return s.done || s.st == stShut }

// feed scans p and returns how many bytes of it belong to the message at hand
// and are without fault: up to the end of the head (headDone), the end of the
// message (done), the end of p, or the byte before a fault. A body is fed after
// its head, by a call of its own.
func (s *scanner) feed(p []byte) (int, Fault) {
	s.dropped, s.headDone, s.done = 0, false, false
	if s.inHead() {
		return s.head(p)
	}
	n := 0
	for n < len(p) && !s.over() {
		m, f := s.body(p[n:])
		n += m
		if f != None {
			s.mark(f)
			s.st = stShut
			return n, f
		}
	}
	return n, None
}

// mark records a fault that the handler answers. The first one counts, but for
// one in the target: it must not hide that the framing is in doubt.
func (s *scanner) mark(f Fault) {
	m := &s.marks
	if m.Fault == None || m.Fault == NonASCIITarget {
		m.Fault = f
	}
	m.MustClose = m.MustClose || f.closes()
}

// head scans within the cap for heads.
func (s *scanner) head(p []byte) (int, Fault) {
	q := p[:min(len(p), s.lim.head-s.marks.HeadBytes)]
	n, f := s.scanHead(q)
	s.marks.HeadBytes += n
	if f == None && !s.headDone && len(q) < len(p) {
		f = HeadTooLarge
	}
	return n, f
}

// scanHead runs the states of a head over p. Each step consumes bytes, reports
// a fault, or moves to a state that does.
func (s *scanner) scanHead(p []byte) (i int, f Fault) {
	for i < len(p) && f == None && !s.headDone {
		switch s.st {
		case stStart, stStartLF:
			i, f = s.start(p, i)
		case stMethod, stTargetTop, stTarget, stPercent1, stPercent2, stAuthority, stVersion:
			i, f = s.requestLine(p, i)
		case stRequestCR:
			i, f = s.lineEnd(p, i, stRequestLF, BadRequestLine)
		case stRequestLF, stValueLF:
			i, f = s.lineFeed(p, i)
		case stLine:
			i, f = s.lineStart(p, i)
		case stName:
			i, f = s.headerName(p, i)
		case stLead:
			i = s.lead(p, i)
		case stValue:
			i, f = s.headerValue(p, i)
		case stHeadLF:
			i, f = s.lineFeed(p, i)
		}
	}
	return i, f
}
