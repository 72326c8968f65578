package segment_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"countersign.dev/internal/audit/segment"
	"countersign.dev/internal/faultfile"
)

// oneClosed is a disk with a record of two segments, both plain, and the bytes of the first.
func oneClosed(t testing.TB) (*faultfile.Disk, []byte) {
	t.Helper()
	disk := faultfile.NewDisk()
	cfg := config(disk)
	cfg.MaxAge = time.Hour
	w := open(t, cfg)
	fill(w, 700)
	time.Sleep(2 * time.Hour)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return disk, fetch(t, disk, segment.Name(1))
}

// names are the segment's files, and what is left of an attempt.
func names(t testing.TB, disk faultfile.FS) (plain, zipped, aside bool) {
	t.Helper()
	there := func(name string) bool {
		_, err := disk.Lstat("/decisions/" + name)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			t.Fatal(err)
		}
		return err == nil
	}
	return there(segment.Name(1)), there(segment.Name(1) + ".gz"), there("gzip.tmp")
}

// unharmed proves that the segment can be read as it was, and then compressed.
func unharmed(t testing.TB, disk *faultfile.Disk, want []byte) {
	t.Helper()
	if plain, _, _ := names(t, disk); plain && !bytes.Equal(fetch(t, disk, segment.Name(1)), want) {
		t.Error("the plain file is another one now")
	} else if !plain && !bytes.Equal(unzip(t, fetch(t, disk, segment.Name(1)+".gz")), want) {
		t.Error("the compressed file is not what the plain one was")
	}
	if err := segment.CompressSegment(t.Context(), disk, "/decisions", 1); err != nil {
		t.Errorf("later: %v", err)
	}
	plain, zipped, aside := names(t, disk)
	if plain || !zipped || aside || !bytes.Equal(unzip(t, fetch(t, disk, segment.Name(1)+".gz")), want) {
		t.Errorf("later: plain %t, compressed %t, aside %t", plain, zipped, aside)
	}
}

// TestThereIsAWholeCopyAtEveryInstant: the power goes at each operation of a compression, and the disk keeps nothing, or all, of what was
// not synced.
func TestThereIsAWholeCopyAtEveryInstant(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for fuse, done := 0, false; !done; fuse++ {
			for _, keeps := range []bool{false, true} {
				disk, want := oneClosed(t)
				disk.CutPowerAfter(fuse)
				err := segment.CompressSegment(t.Context(), disk, "/decisions", 1)
				if dark := disk.Dark(); dark != (err != nil) {
					t.Errorf("power lost %t: %v", dark, err)
				}
				done = !disk.Dark()
				disk.CutPowerAfter(0)
				_ = disk.Remove("any") // at the latest now
				var left faultfile.Loss
				if keeps {
					left = faultfile.Loss{Bytes: func(n int) (int, int) { return n, 0 }, Names: func(int) bool { return true }}
				}
				disk.Restore(left)
				unharmed(t, disk, want)
			}
			if fuse > 100 {
				t.Fatal("it does not end")
			}
		}
	})
}

// TestADiskThatIsFullIsGivenItsRoomBack: whatever room there is, what does not fit leaves nothing behind but the plain file.
func TestADiskThatIsFullIsGivenItsRoomBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for room, fits := int64(0), false; !fits; room += 3000 {
			disk, want := oneClosed(t)
			disk.SetRoom(room)
			err := segment.CompressSegment(t.Context(), disk, "/decisions", 1)
			if fits = err == nil; !fits {
				if plain, zipped, aside := names(t, disk); !errors.Is(err, syscall.ENOSPC) || !plain || zipped || aside {
					t.Errorf("room for %d bytes: %v; plain %t, compressed %t, aside %t", room, err, plain, zipped, aside)
				}
			}
			disk.SetRoom(-1)
			unharmed(t, disk, want)
		}
	})
}

// TestWhatTheDiskReadsBackCounts: a disk that writes another byte, none, or loses the end, and says that all went well, is found out while the
// plain file is there.
func TestWhatTheDiskReadsBackCounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for name, spoil := range map[string]func(b []byte, at int64) []byte{
			"another bit":     func(b []byte, _ int64) []byte { b[len(b)/2] ^= 4; return b },
			"the end is lost": func(b []byte, _ int64) []byte { return b[:len(b)-1] },
			"zeros":           func(b []byte, at int64) []byte { clear(b[:min(int64(len(b)), 512)]); return b },
			"one byte more":   func(b []byte, _ int64) []byte { return append(b, 0) },
		} {
			disk, want := oneClosed(t)
			err := segment.CompressSegment(t.Context(), spoilt{disk, spoil}, "/decisions", 1)
			if plain, zipped, aside := names(t, disk); err == nil || !plain || zipped || aside {
				t.Errorf("%s: %v; plain %t, compressed %t, aside %t", name, err, plain, zipped, aside)
			}
			unharmed(t, disk, want)
		}
	})
}

// spoilt is a disk that does not keep what it is given.
type spoilt struct {
	*faultfile.Disk
	spoil func(b []byte, at int64) []byte
}

func (s spoilt) OpenFile(name string, flag int, mode fs.FileMode) (faultfile.File, error) {
	f, err := s.Disk.OpenFile(name, flag, mode)
	if err != nil || flag&os.O_EXCL == 0 {
		return f, err
	}
	return spoiltFile{f, s.spoil}, nil
}

type spoiltFile struct {
	faultfile.File
	spoil func(b []byte, at int64) []byte
}

func (f spoiltFile) WriteAt(b []byte, at int64) (int, error) {
	_, err := f.File.WriteAt(f.spoil(bytes.Clone(b), at), at)
	return len(b), err
}

// beside is a disk with a segment's plain file and a compressed one.
func beside(t testing.TB, plain, zipped []byte) *faultfile.Disk {
	t.Helper()
	disk := faultfile.NewDisk()
	if err := disk.MkdirAll("/decisions", 0o700); err != nil {
		t.Fatal(err)
	}
	plant(t, disk, "/decisions/"+segment.Name(1), plain)
	plant(t, disk, "/decisions/"+segment.Name(1)+".gz", zipped)
	return disk
}

// TestAReadThatEndsEarlyIsFoundOut: a plain file of which less is read than there is does not go.
func TestAReadThatEndsEarlyIsFoundOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, after := range []int{0, 1000, 300_000} {
			disk, want := oneClosed(t)
			err := segment.CompressSegment(t.Context(), early{disk, after}, "/decisions", 1)
			if plain, zipped, aside := names(t, disk); err == nil || !plain || zipped || aside {
				t.Errorf("after %d bytes: %v; plain %t, compressed %t, aside %t", after, err, plain, zipped, aside)
			}
			unharmed(t, disk, want)
		}
	})
}

// early is a disk on which the first segment seems to end.
type early struct {
	*faultfile.Disk
	after int
}

func (e early) OpenFile(name string, flag int, mode fs.FileMode) (faultfile.File, error) {
	f, err := e.Disk.OpenFile(name, flag, mode)
	if err != nil || flag&os.O_EXCL != 0 || !strings.HasSuffix(name, segment.Name(1)) {
		return f, err
	}
	return &earlyFile{f, e.after}, nil
}

type earlyFile struct {
	faultfile.File
	left int
}

func (f *earlyFile) Read(b []byte) (int, error) {
	if f.left == 0 {
		return 0, io.EOF
	}
	n, err := f.File.Read(b[:min(len(b), f.left)])
	f.left -= n
	return n, err
}

// TestACompressedFileThatIsThereIsNotBelieved: it has to hold the very bytes; one that is damaged anywhere, holds less, more or something
// else is made anew, and one that is sound is taken, whoever made it.
func TestACompressedFileThatIsThereIsNotBelieved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, want := oneClosed(t)
		text := string(want)
		changed := bytes.Clone(want)
		changed[len(changed)/2] ^= 1
		sound := foreign(t, text, nil)
		damaged := bytes.Clone(sound)
		damaged[len(damaged)-6] ^= 1 // its checksum
		for name, c := range map[string]struct {
			file []byte
			kept bool
		}{
			"sound, of another program":  {sound, true},
			"sound, in several members":  {append(foreign(t, text[:1000], nil), foreign(t, text[1000:], nil)...), true},
			"empty":                      {nil, false},
			"no gzip":                    {want, false},
			"cut":                        {sound[:len(sound)-9], false},
			"a checksum that is wrong":   {damaged, false},
			"one byte less":              {foreign(t, text[:len(text)-1], nil), false},
			"one byte more":              {foreign(t, text+"\n", nil), false},
			"a member more":              {append(bytes.Clone(sound), foreign(t, "x", nil)...), false},
			"bytes behind the last one":  {append(bytes.Clone(sound), 1, 2, 3), false},
			"another byte in the middle": {foreign(t, string(changed), nil), false},
		} {
			disk := beside(t, want, c.file)
			unharmed(t, disk, want)
			if kept := bytes.Equal(fetch(t, disk, segment.Name(1)+".gz"), c.file); kept != c.kept {
				t.Errorf("%s: kept %t", name, kept)
			}
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		disk := beside(t, want, sound)
		if err := segment.CompressSegment(ctx, disk, "/decisions", 1); !errors.Is(err, context.Canceled) {
			t.Errorf("a context that has ended: %v", err)
		}
		if plain, zipped, _ := names(t, disk); !plain || !zipped {
			t.Errorf("a context that has ended: plain %t, compressed %t", plain, zipped)
		}
	})
}
