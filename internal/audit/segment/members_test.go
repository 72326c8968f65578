package segment_test

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"countersign.dev/internal/audit"
	"countersign.dev/internal/audit/segment"
	"countersign.dev/internal/faultfile"
)

// noise is text that does not compress well.
func noise(n, size int) string {
	var b strings.Builder
	for sum := sha256.Sum256(fmt.Append(nil, n)); b.Len() < size; sum = sha256.Sum256(sum[:]) {
		b.WriteString(hex.EncodeToString(sum[:]))
	}
	return b.String()[:size]
}

// closedSegment is the first segment of a record, as it was and compressed.
func closedSegment(t testing.TB, disk *faultfile.Disk, record func(*segment.Writer)) (plain, zipped []byte) {
	t.Helper()
	cfg := config(disk)
	cfg.MaxAge = time.Hour
	w := open(t, cfg)
	record(w)
	time.Sleep(2 * time.Hour)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	plain = fetch(t, disk, segment.Name(1))
	if err := segment.CompressSegment(t.Context(), disk, "/decisions", 1); err != nil {
		t.Fatal(err)
	}
	return plain, fetch(t, disk, segment.Name(1)+".gz")
}

func fetch(t testing.TB, disk faultfile.FS, name string) []byte {
	t.Helper()
	f, err := disk.OpenFile("/decisions/"+name, os.O_RDONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	text, err := io.ReadAll(f)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// walk returns what Members yields of a file.
func walk(file []byte) (all []segment.Member, fault error) {
	for m, err := range segment.Members(bytes.NewReader(file), int64(len(file))) {
		if err != nil {
			return all, err
		}
		all = append(all, m)
	}
	return all, nil
}

// TestAMemberTellsItsSizes, whatever the lines are: usual ones, long ones that begin in one member and end in another, and such as do not
// compress. What the walk says without unpacking is what unpacking finds.
func TestAMemberTellsItsSizes(t *testing.T) {
	for name, record := range map[string]func(*segment.Writer){
		"usual lines": func(w *segment.Writer) { fill(w, 1500) },
		"few lines":   func(w *segment.Writer) { fill(w, 3) },
		"lines longer than a member": func(w *segment.Writer) {
			for n := range 20 {
				w.Record(&audit.Decision{RequestID: fmt.Sprint(n), Time: time.Now(), Path: noise(n, 90<<10), Cause: noise(n+100, 90<<10)})
				time.Sleep(time.Second)
			}
		},
		"noise": func(w *segment.Writer) {
			for n := range 900 {
				w.Record(&audit.Decision{RequestID: fmt.Sprint(n), Time: time.Now(), Path: noise(n, 900)})
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				plain, zipped := closedSegment(t, faultfile.NewDisk(), record)
				all, err := walk(zipped)
				if err != nil {
					t.Fatal(err)
				}
				at, from := int64(0), int64(0)
				for _, m := range all {
					if m.Offset != at || m.Plain != from {
						t.Fatalf("%+v: want offset %d, plain offset %d", m, at, from)
					}
					at, from = at+m.Size, from+m.Length
					if text := unzip(t, zipped[m.Offset:at]); !bytes.Equal(text, plain[m.Plain:from]) {
						t.Fatalf("%+v unpacks to something else", m)
					}
				}
				if at != int64(len(zipped)) || from != int64(len(plain)) {
					t.Errorf("the members end at %d of %d, plain %d of %d", at, len(zipped), from, len(plain))
				}
				if text := unzip(t, zipped); !bytes.Equal(text, plain) {
					t.Error("the file unpacks to something else")
				}
			})
		})
	}
}

// unzip unpacks with the standard library, as any reader of the file would.
func unzip(t testing.TB, file []byte) []byte {
	t.Helper()
	z, err := gzip.NewReader(bytes.NewReader(file))
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// foreign is a gzip file that says nothing of sizes.
func foreign(t testing.TB, text string, extra []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	z.Extra = extra
	if _, err := io.WriteString(z, text); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// twoMembers is a file of two members, and where the second one begins.
func twoMembers(t testing.TB) (file []byte, cut int64) {
	t.Helper()
	for _, text := range []string{strings.Repeat("one\n", 100), strings.Repeat("two\n", 200)} {
		cut = int64(len(file))
		member := foreign(t, text, []byte("BC\x02\x00\x00\x00"))
		member[9] = 255
		binary.LittleEndian.PutUint16(member[16:], uint16(len(member)-1))
		file = append(file, member...)
	}
	return file, cut
}

// TestWhatIsNotKnownOfMembersIsSaid: of files of other programs, of files that were cut, and of those that lie.
func TestWhatIsNotKnownOfMembersIsSaid(t *testing.T) {
	file, cut := twoMembers(t)
	if all, err := walk(file); err != nil || len(all) != 2 || all[1] != (segment.Member{Offset: cut, Size: int64(len(file)) - cut, Plain: 400, Length: 800}) {
		t.Fatalf("%+v, %v", all, err)
	}
	changed := func(at int64, b ...byte) []byte {
		return append(append(bytes.Clone(file[:at]), b...), file[at+int64(len(b)):]...)
	}
	refused := map[string][]byte{
		"nothing":                      nil,
		"of another program":           foreign(t, "text\n", nil),
		"another subfield":             foreign(t, "text\n", []byte("XY\x02\x00\x00\x00")),
		"a second subfield":            foreign(t, "text\n", []byte("BC\x02\x00\x00\x00XY\x00\x00")),
		"ours, then of another":        append(bytes.Clone(file), foreign(t, "text\n", nil)...),
		"bytes behind the last member": append(bytes.Clone(file), 0),
		"a size beyond the file":       changed(16, 0xff, 0xff),
		"a size of nothing":            changed(16, 0, 0),
		"a size that is one less":      changed(16, file[16]-1),
		"a size that is one more":      changed(16, file[16]+1),
		"plain bytes: none":            changed(cut-4, 0, 0, 0, 0),
		"plain bytes: too many":        changed(cut-4, 1, 0, 1, 0),
		"plain bytes: without bound":   changed(int64(len(file))-4, 0xff, 0xff, 0xff, 0xff),
		"not deflate":                  changed(2, 7),
		"a name in the header":         changed(3, 4|8),
	}
	for n := range int64(len(file)) {
		if n != cut {
			refused[fmt.Sprintf("cut at byte %d", n)] = file[:n]
		}
	}
	for name, bad := range refused {
		if all, err := walk(bad); !errors.Is(err, segment.ErrNoSizes) {
			t.Errorf("%s: %d members, %v", name, len(all), err)
		}
	}
	for m, err := range segment.Members(bytes.NewReader(file[:cut-1]), int64(len(file))) { // cut since its size was asked for
		if !errors.Is(err, segment.ErrNoSizes) {
			t.Errorf("%+v, %v", m, err)
		}
	}
	for m, err := range segment.Members(broken{}, 1000) {
		if !errors.Is(err, errBroken) || errors.Is(err, segment.ErrNoSizes) {
			t.Errorf("%+v, %v: want the disk's error", m, err)
		}
	}
	for range segment.Members(bytes.NewReader(file), int64(len(file))) {
		break // whoever has seen enough
	}
}

var errBroken = errors.New("input/output error")

type broken struct{}

func (broken) ReadAt([]byte, int64) (int, error) { return 0, errBroken }

// FuzzMembers: whatever the bytes are, the walk ends, and what it yields lies side by side in the file, in bounds; without an
// error it reaches the last byte.
func FuzzMembers(f *testing.F) {
	file, cut := twoMembers(f)
	f.Add(file)
	f.Add(file[:cut])
	f.Add(file[:cut+9])
	f.Add(foreign(f, "text", nil))
	f.Fuzz(func(t *testing.T, file []byte) {
		all, err := walk(file)
		at, from := int64(0), int64(0)
		for _, m := range all {
			if m.Offset != at || m.Plain != from || m.Size < 28 || m.Size > segment.MaxMember || m.Length < 1 || m.Length > segment.MaxMember {
				t.Fatalf("%+v", all)
			}
			at, from = at+m.Size, from+m.Length
		}
		if at > int64(len(file)) || err == nil && (at != int64(len(file)) || at == 0) || err != nil && !errors.Is(err, segment.ErrNoSizes) {
			t.Fatalf("%d of %d bytes, %v", at, len(file), err)
		}
	})
}
