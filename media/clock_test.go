package media

import "testing"

type tick struct {
	kind Kind
	ts   uint32
	want int64
}

func TestClock(t *testing.T) {
	const a, v, d, next = Audio, Video, Data, Kind(0) // next: another publisher comes
	tests := []struct {
		name  string
		ticks []tick
	}{
		{"from zero", []tick{{v, 0, 0}, {a, 0, 0}, {a, 23, 23}, {v, 33, 33}}},
		{"small start is kept", []tick{{v, 10_000, 10_000}, {a, 9_990, 9_990}}},
		{"uptime start is rebased", []tick{{v, 10_001, 1000}, {a, 10_011, 1010}, {v, 10_041, 1040}}},
		{"second kind slightly before a rebased start", []tick{{v, 500_000, 1000}, {a, 499_950, 950}, {a, 499_900, 950}}},
		{"second kind before zero", []tick{{v, 0, 0}, {a, 0xFFFF_FFF0, 0}, {a, 7, 7}}},
		{"negative first timestamp", []tick{{v, 0xFFFF_FFFE, 1000}, {v, 0, 1002}}},
		{"different bases are aligned", []tick{{v, 3_600_000, 1000}, {a, 0, 1000}, {v, 3_600_040, 1040}, {a, 40, 1040}, {a, 63, 1063}}},
		{"sequence headers at 0, media at uptime", []tick{
			{v, 0, 0}, {a, 0, 0}, {v, 700_000, 1}, {a, 700_010, 11}, {v, 700_040, 41}, {a, 700_033, 34}}},
		{"small step back is held", []tick{{v, 1000, 1000}, {v, 960, 1000}, {v, 990, 1000}, {v, 1040, 1040}}},
		{"step of exactly 10 s is kept", []tick{{v, 0, 0}, {v, 10_000, 10_000}}},
		{"jump forward, both follow", []tick{
			{v, 0, 0}, {a, 5, 5}, {v, 40, 40}, {v, 100_040, 41}, {a, 100_005, 6}, {a, 100_045, 46}, {v, 100_080, 81}}},
		{"jump backward, both follow", []tick{
			{v, 100_000, 1000}, {a, 100_010, 1010}, {v, 5, 1011}, {a, 15, 1021}, {v, 45, 1051}}},
		{"same jump of kinds with different bases", []tick{
			{v, 3_600_000, 1000}, {a, 0, 1000}, {v, 3_600_040, 1040}, {a, 35, 1035},
			{v, 3_700_040, 1041}, {a, 100_035, 1036}, {a, 100_058, 1059}, {v, 3_700_080, 1081}}},
		{"a single wrong timestamp", []tick{
			{v, 0, 0}, {a, 0, 0}, {v, 40, 40}, {v, 900_000, 41}, {v, 120, 120}, {a, 100, 100}, {v, 160, 160}}},
		{"a wrong timestamp is forgotten", []tick{
			{v, 0, 0}, {a, 0, 0}, {v, 900_000, 1}, {v, 80, 80}, {a, 60, 60}, {a, 905_000, 81}}},
		{"video alone jumps", []tick{{v, 0, 0}, {v, 40, 40}, {v, 60_000, 41}, {v, 60_040, 81}}},
		{"audio silent for 30 s is in step", []tick{
			{v, 0, 0}, {a, 0, 0}, {v, 9_000, 9_000}, {v, 9_500, 9_500}, {v, 19_000, 19_000}, {v, 28_000, 28_000}, {v, 30_000, 30_000}, {a, 30_010, 30_010}, {v, 30_040, 30_040}}},
		{"wrap at 2^32", []tick{{v, 0xFFFF_FFF0, 1000}, {a, 0xFFFF_FFFA, 1010}, {v, 0x18, 1040}, {a, 0x10, 1032}, {v, 0x40, 1080}}},
		{"wrap at 2^31", []tick{{v, 0x7FFF_FFF0, 1000}, {a, 0x7FFF_FFFA, 1010}, {v, 0x18, 1040}, {a, 0x10, 1032}, {v, 0x40, 1080}}},
		{"step back over the 31 bit wrap", []tick{{v, 0x7FFF_FFF0, 1000}, {v, 8, 1024}, {v, 0x7FFF_FFFE, 1024}, {v, 0x20, 1048}}},
		{"passing 2^31 without a wrap", []tick{{v, 0x7FFF_FFF0, 1000}, {v, 0x8000_0018, 1040}}},
		{"data never makes the base", []tick{{d, 55_000, 0}, {v, 2000, 2000}, {d, 2010, 2010}, {d, 0, 2010}, {d, 700_000, 2010}, {v, 2040, 2040}, {d, 0, 2010}}},
		{"data at 0 far from the newest", []tick{{v, 90_000, 1000}, {d, 0, 1000}, {v, 90_040, 1040}, {d, 90_020, 1020}}},
		{"another publisher continues", []tick{
			{v, 0, 0}, {a, 10, 10}, {next, 0, 0}, {d, 99_000, 50}, {a, 7_000_000, 50}, {v, 7_000_013, 63}, {next, 0, 0}, {v, 0, 103}, {a, 0, 103}}},
		{"another publisher, second kind earlier", []tick{{v, 5000, 5000}, {next, 0, 0}, {v, 100, 5040}, {a, 90, 5040}, {a, 113, 5053}}},
		{"restart before anything", []tick{{next, 0, 0}, {v, 500, 500}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var c Clock
			for i, k := range tt.ticks {
				if k.kind == next {
					c.Restart()
					continue
				}
				if got := c.Map(k.kind, k.ts); got != k.want {
					t.Fatalf("step %d: %v timestamp %d is at %d, want %d", i, k.kind, k.ts, got, k.want)
				}
			}
		})
	}
}

// TestClockTwelveHours runs past 0xFFFFFF ms (where RTMP's extended timestamps
// begin) and past both wraps, and compares with plain 64 bit time.
func TestClockTwelveHours(t *testing.T) {
	const hours12 = 12 * 3600 * 1000
	for _, tt := range []struct {
		name  string
		start int64
		mask  uint32
	}{
		{"from 0", 0, 0xFFFF_FFFF},
		{"over 2^32", 1<<32 - hours12/2, 0xFFFF_FFFF},
		{"over 2^31, masked", 1<<31 - hours12/2, 0x7FFF_FFFF},
		{"over 2^31, not masked", 1<<31 - hours12/2, 0xFFFF_FFFF},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var c Clock
			base := int64(0)
			if tt.start > baseMillis {
				base = startMillis
			}
			audio, next := int64(0), int64(0)
			for video := int64(0); video < hours12; video = next * 40 {
				next++
				if got := c.Map(Video, uint32(tt.start+video)&tt.mask); got != video+base {
					t.Fatalf("video %d is at %d", video, got-base)
				}
				for ; audio < video+40; audio += 23 {
					if got := c.Map(Audio, uint32(tt.start+audio)&tt.mask); got != audio+base {
						t.Fatalf("audio %d is at %d", audio, got-base)
					}
				}
			}
			if c.Now() < 0xFFFFFF {
				t.Fatalf("stopped at %d", c.Now())
			}
		})
	}
}

// FuzzClock checks what must hold for any timestamps: not negative, never falling
// within a kind, never more than a jump ahead of the newest.
func FuzzClock(f *testing.F) {
	f.Add([]byte{0, 0, 0, 0, 0, 1, 0, 0, 0, 23, 0, 0xFF, 0xFF, 0xFF, 0xFF, 2, 1, 2, 3, 4, 3, 0, 0, 0, 0, 1, 0x80, 0, 0, 0})
	f.Fuzz(func(t *testing.T, in []byte) {
		var c Clock
		var last [Data + 1]int64
		for ; len(in) >= 5; in = in[5:] {
			k := Kind(in[0]&3) + 1
			if k > Data {
				c.Restart()
				continue
			}
			was := c.Now()
			ts := uint32(in[1])<<24 | uint32(in[2])<<16 | uint32(in[3])<<8 | uint32(in[4])
			got := c.Map(k, ts)
			if got < last[k] || got < 0 || got > was+jumpMillis {
				t.Fatalf("%v %d: got %d after %d, newest was %d", k, ts, got, last[k], was)
			}
			last[k] = got
		}
	})
}
