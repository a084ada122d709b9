package pending

import (
	"errors"
	"testing"

	"penstock/amf"
	"penstock/rtmp"
	"penstock/status"
)

func waits(t *Table) bool {
	select {
	case <-t.Waits():
		return true
	default:
		return false
	}
}

func TestTable(t *testing.T) {
	var table Table
	table.Init(2)
	type answer struct {
		v   amf.Value
		err error
	}
	var got []answer
	add := func() (float64, error) {
		return table.Add(func(v amf.Value, err error) { got = append(got, answer{v, err}) })
	}
	if waits(&table) {
		t.Error("an empty table waits")
	}
	first, err := add()
	if err != nil || !waits(&table) {
		t.Errorf("%v, waits %v", err, waits(&table))
	}
	second, _ := add()
	_, err = add()
	var limit *rtmp.LimitError
	if !errors.As(err, &limit) || limit.Option != Option {
		t.Errorf("third call: %v", err)
	}
	if table.Len() != 2 {
		t.Errorf("%d wait", table.Len())
	}
	table.Answer(99, nil, nil) // to nothing
	table.Answer(first, "yes", nil)
	table.Answer(first, "again", nil)
	if len(got) != 1 || got[0].v != "yes" {
		t.Errorf("got %v", got)
	}
	if table.Remove(first) || !table.Remove(second) || waits(&table) {
		t.Error("an answered call is not there any more, the other was, then none is")
	}
	third, err := add()
	if err != nil {
		t.Errorf("after an answer: %v", err)
	}
	table.Fail(third, amf.NewObject(amf.Prop{Key: "code", Value: "NetConnection.Call.Failed"}, amf.Prop{Key: "level", Value: "error"}))
	fourth, _ := add()
	table.Fail(fourth, "no object")
	for i, want := range []string{"", "The client reported an error without a code."} {
		if st, ok := status.Of(got[1+i].err); !ok || st.Code != status.CallFailed || st.Description != want {
			t.Errorf("error %d: %v", i, got[1+i].err)
		}
	}
}
