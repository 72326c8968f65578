package main

import (
	"fmt"
	"strconv"
)

func showNodes(out *output, list []*nodeView) error {
	var rows [][]string
	wrong := 0
	for _, v := range list {
		name := v.Node
		if v.Scope != "" {
			name += " (" + v.Scope + ")"
		}
		if v.Own {
			name += " (this machine)"
		}
		shipped := ""
		if v.At != nil {
			shipped = when(*v.At)
		}
		rows = append(rows, []string{name, v.Record[:8], number(v.Shipped), shipped, number(v.Verified), strconv.FormatUint(v.Behind, 10), v.vouched(), v.state()})
		if v.Wrong != "" {
			wrong++
		}
	}
	if list == nil {
		list = []*nodeView{}
	}
	err := out.table(list, "no node has shipped anything", []string{"NODE", "RECORD", "SHIPPED", "AT", "VERIFIED", "BEHIND", "SEALED", "STATE"}, rows)
	if err == nil && wrong > 0 {
		for _, v := range list {
			if v.Wrong != "" {
				out.note("WRONG: %s", v.Wrong)
			}
		}
		err = errRefused
	}
	return err
}

func number(n uint64) string {
	if n == 0 {
		return ""
	}
	return strconv.FormatUint(n, 10)
}

// vouched says up to where a signed checkpoint has been held against the lines, and by which key.
func (v *nodeView) vouched() string {
	switch {
	case v.Own || v.Sealed == 0:
		return ""
	case v.Known:
		return fmt.Sprintf("%d by %s", v.Sealed, v.Key)
	}
	return fmt.Sprintf("%d by %s, not confirmed", v.Sealed, v.Key)
}

func (v *nodeView) state() string {
	switch {
	case v.Wrong != "":
		return "WRONG"
	case v.Own:
		return "written here"
	case v.collect == nil:
		return "not collected here"
	case len(v.Gaps) > 0:
		return fmt.Sprintf("verified, with %d gaps", len(v.Gaps))
	case v.Begun > 1:
		return fmt.Sprintf("verified from segment %d", v.Begun)
	}
	return "verified"
}
