package door_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"countersign.dev/internal/access"
	"countersign.dev/internal/edge/door"
	"countersign.dev/internal/edge/gateway/fields"
	"github.com/google/go-cmp/cmp"
)

// listing takes the header of an answer as a list.
type listing struct {
	*httptest.ResponseRecorder
	list fields.List
}

func (w *listing) WriteList(status int, header fields.List) { w.Code, w.list = status, header }

// TestTell: an answer says the same as a list and as a map; a field that somebody has set before stays, for which it becomes a map.
func TestTell(t *testing.T) {
	head := fields.List{{Name: "Countersign-Request-Id", Value: "1"}, {Name: "Content-Length", Value: "3"}}
	want := http.Header{"Countersign-Request-Id": {"1"}, "Content-Length": {"3"}}

	plain := httptest.NewRecorder()
	door.Tell(plain, 403, head)
	if diff := cmp.Diff(want, plain.Header()); diff != "" || plain.Code != 403 {
		t.Errorf("as a map: %d, %s", plain.Code, diff)
	}
	taken := &listing{ResponseRecorder: httptest.NewRecorder()}
	door.Tell(taken, 403, head)
	if diff := cmp.Diff(head, taken.list); diff != "" || taken.Code != 403 {
		t.Errorf("as a list: %d, %s", taken.Code, diff)
	}
	ending := &listing{ResponseRecorder: httptest.NewRecorder()}
	ending.Header().Set("Connection", "close")
	door.Tell(ending, 403, head)
	if ending.list != nil || ending.Code != 403 || ending.Header().Get("Connection") != "close" || ending.Header().Get("Content-Length") != "3" {
		t.Errorf("a connection that ends: %v, %v", ending.list, ending.Header())
	}
}

// TestTheHeaderOfAnAnswer has each field once, and a length where the answer is ours alone.
func TestTheHeaderOfAnAnswer(t *testing.T) {
	w := newWorld(t)
	refused := w.door.Refuse(&door.Request{}, access.UnknownProxy, "")
	head := refused.AppendTo(nil)
	if length := head.Values("Content-Length"); len(length) != 1 || length[0] == "0" || len(head.Values("Countersign-Request-Id")) != 1 || !head.Has("Content-Type") {
		t.Errorf("a refusal: %v", head)
	}
	again := refused.AppendTo(head)
	if diff := cmp.Diff(refused.AppendTo(nil), again); diff != "" {
		t.Errorf("twice: %s", diff)
	}
	refused.End(0, 0)
	let := w.door.Check(t.Context(), signed("GET", "/api/v1/cards/1", ""))
	if head := let.AppendTo(nil); !let.Allowed || head.Has("Content-Length") || !head.Has("Countersign-Request-Id") {
		t.Errorf("one that is let in: %v", head)
	}
	let.End(0, 0)
}
