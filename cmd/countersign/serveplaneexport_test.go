package main

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"countersign.dev/internal/audit/segment"
	operators "countersign.dev/internal/operator"
	"countersign.dev/internal/registry"
)

// TestThePlaneExportsTheRecordItself: with the headers of its segments, without which nobody could prove where it was cut or of which
// record it is.
func TestThePlaneExportsTheRecordItself(t *testing.T) {
	s := startPlane(t)
	defer s.stop()
	token := s.service(registry.ServiceCreate{Name: "exporter", Roles: []operators.Role{operators.Auditor}, NotAfter: time.Now().Add(time.Hour)})
	status, body := s.get("/v1/decisions/export?format=jsonl", bearer(token))
	report, err := segment.VerifyLines(strings.NewReader(body), nil)
	if status != http.StatusOK || err != nil || !report.OK() || report.Record == "" || report.First != 1 || report.Pieces != 1 {
		t.Errorf("%d %v %+v\n%s", status, err, report, body)
	}
}
