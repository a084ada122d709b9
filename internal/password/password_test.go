package password

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"testing"
)

func TestHash(t *testing.T) {
	h, err := Parse(New("pw"))
	if err != nil || string(h.derive("pw")) != string(h.sum) || string(h.derive("px")) == string(h.sum) {
		t.Errorf("%+v, %v", h, err)
	}
	if one, two := New("pw"), New("pw"); one == two {
		t.Error("salts are not fresh")
	}
	good := "$argon2id$v=19$m=64,t=1,p=1$c2FsdHNhbHQ$MDEyMzQ1Njc4OTAxMjM0NQ"
	if _, err := Parse(good); err != nil {
		t.Error(err)
	}
	for name, bad := range map[string]string{
		"empty": "", "other": strings.Replace(good, "argon2id", "argon2i", 1), "version": strings.Replace(good, "v=19", "v=16", 1),
		"memory": strings.Replace(good, "m=64", "m=4000000", 1), "time": strings.Replace(good, "t=1", "t=99", 1), "no time": strings.Replace(good, "t=1", "t=0", 1),
		"threads": strings.Replace(good, "p=1", "p=200", 1), "overflow": strings.Replace(good, "p=1", "p=300", 1), "rest": strings.Replace(good, "p=1", "p=1,x=2", 1),
		"salt": strings.Replace(good, "c2FsdHNhbHQ", "!", 1), "short salt": strings.Replace(good, "c2FsdHNhbHQ", "YQ", 1), "short": good[:60], "plain": "hunter2",
	} {
		if _, err := Parse(bad); err == nil {
			t.Errorf("%s: %s is taken", name, bad)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(New("x"))
	f.Add("$argon2id$v=19$m=64,t=1,p=1$c2FsdHNhbHQ$MDEyMzQ1Njc4OTAxMjM0NQ")
	f.Fuzz(func(t *testing.T, s string) {
		if h, err := Parse(s); err == nil && (h.memory > maxMemory || h.time > maxTime || h.threads > maxThreads || h.threads == 0 || h.time == 0) {
			t.Errorf("%q costs %+v", s, h)
		}
	})
}

// An unknown user costs what the dearest known one does, and gets in with nothing.
func TestDecoy(t *testing.T) {
	parse := func(s string) Hash {
		h, err := Parse(s)
		if err != nil {
			t.Fatal(err)
		}
		return h
	}
	cheap := parse("$argon2id$v=19$m=64,t=1,p=1$c2FsdHNhbHQ$MDEyMzQ1Njc4OTAxMjM0NQ")
	dear := parse("$argon2id$v=19$m=128,t=3,p=1$c2FsdHNhbHQ$MDEyMzQ1Njc4OTAxMjM0NQ")
	if d := Decoy(cheap, dear, cheap); d.memory != 128 || d.time != 3 || len(d.sum) != 16 || string(d.sum) == string(dear.sum) {
		t.Errorf("%+v", d)
	}
	if d := Decoy(cheap); d.memory != 64 || d.time != 1 {
		t.Errorf("one cheap user: %+v", d)
	}
	if d := Decoy(); d.memory != hashMemory || d.time != hashTime {
		t.Errorf("without users: %+v", d)
	}
}

// However many passwords are checked at once, only as many run as there are places; who leaves does not wait.
func TestChecker(t *testing.T) {
	h, err := Parse(New("pw"))
	if err != nil {
		t.Fatal(err)
	}
	c := NewChecker()
	for entered, want := range map[string]bool{"pw": true, "px": false, "": false} {
		if ok, err := c.Check(t.Context(), h, entered); ok != want || err != nil {
			t.Errorf("%q: %v %v", entered, ok, err)
		}
	}
	for range cap(c.places) {
		c.places <- struct{}{}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if ok, err := c.Check(ctx, h, "pw"); ok || !errors.Is(err, context.Canceled) {
		t.Errorf("without a place: %v %v", ok, err)
	}
	if cap(c.places) != runtime.NumCPU() {
		t.Errorf("%d places", cap(c.places))
	}
}
