package extauthz

import (
	"fmt"

	"google.golang.org/grpc/mem"
)

// codec hands messages through as bytes: a check request is read by this package, where a fault in it becomes a refusal with a
// record and not an error of the call.
type codec struct{}

// Name is that of the content type, application/grpc+proto.
func (codec) Name() string { return "proto" }

// Unmarshal keeps the bytes until the check gives them back.
func (codec) Unmarshal(data mem.BufferSlice, v any) error {
	in, is := v.(*received)
	if !is {
		return fmt.Errorf("extauthz: unmarshal into %T", v)
	}
	in.buffer = data.MaterializeToBuffer(mem.DefaultBufferPool())
	return nil
}

// Marshal sends bytes that are not used again.
func (codec) Marshal(v any) (mem.BufferSlice, error) {
	out, is := v.(*sent)
	if !is {
		return nil, fmt.Errorf("extauthz: marshal %T", v)
	}
	return mem.BufferSlice{mem.SliceBuffer(out.bytes)}, nil
}

// received is a message as it came; sent is one that goes.
type received struct{ buffer mem.Buffer }

func (r *received) free() {
	if r.buffer != nil {
		r.buffer.Free()
		r.buffer = nil
	}
}

type sent struct{ bytes []byte }
