package ping

import (
	"testing"
	"time"
)

func TestTable(t *testing.T) {
	var table Table
	now := time.UnixMilli(1_700_000_000_000)
	if table.RTT() != 0 {
		t.Error("a round trip before the first ping")
	}
	a, b := table.Request(now, nil), table.Request(now, nil)
	if a != uint32(now.UnixMilli()&0xFFFFFFFF) || b != a+1 {
		t.Errorf("values %d, %d", a, b)
	}
	table.Response(b+7, now) // to nothing
	if table.RTT() != 0 {
		t.Error("a response to nothing counts")
	}
	done := make(chan time.Duration, 1)
	c := table.Request(now.Add(5*time.Millisecond), done)
	table.Response(c, now.Add(8*time.Millisecond))
	table.Response(c, now.Add(time.Hour))
	table.Response(a, now.Add(time.Hour)) // overtaken
	if got := <-done; got != 3*time.Millisecond || table.RTT() != got {
		t.Errorf("measured %v, RTT %v", got, table.RTT())
	}
	for range 100 {
		table.Request(now, nil)
	}
	if len(table.sent) != kept {
		t.Errorf("%d requests without a response are kept", len(table.sent))
	}
	table.Response(table.last, now)
	if table.RTT() != 1 || len(table.sent) != 0 {
		t.Errorf("RTT %v, %d kept", table.RTT(), len(table.sent))
	}
}

// The clock in ms wraps within 32 bits every 50 days.
func TestWrap(t *testing.T) {
	var table Table
	now := time.UnixMilli(1<<32 - 1)
	a, b, c := table.Request(now, nil), table.Request(now, nil), table.Request(now.Add(2*time.Millisecond), nil)
	if a != 1<<32-1 || b != 0 || c != 1 {
		t.Errorf("values %d, %d, %d", a, b, c)
	}
}
