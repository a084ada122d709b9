package rtmp

import "testing"

func TestAcknowledgementIsDue(t *testing.T) {
	const gib = 1 << 30
	for _, tt := range []struct {
		received, acked uint64
		window          uint32
		sequence        uint32
		due             bool
	}{
		{0, 0, DefaultWindow, 0, false},
		{DefaultWindow/2 - 1, 0, DefaultWindow, DefaultWindow/2 - 1, false},
		{DefaultWindow / 2, 0, DefaultWindow, DefaultWindow / 2, true},
		{DefaultWindow, DefaultWindow / 2, DefaultWindow, DefaultWindow, true},
		{minWindow/2 - 1, 0, 1, minWindow/2 - 1, false}, // a window of one byte is not honoured
		{minWindow / 2, 0, 1, minWindow / 2, true},
		{10 * gib, 0, 0, 2 * gib, false}, // no window, no acknowledgements
		{4*gib - 1, 4*gib - minWindow, minWindow, 0xFFFFFFFF, true},
		{4 * gib, 4*gib - minWindow, minWindow, 0, true}, // plain modulo 2^32
		{4*gib + 5, 4*gib - minWindow, minWindow, 5, true},
		{4*gib + 5, 4 * gib, minWindow, 5, false},
		{0xF0000000, 0xF0000000 - minWindow, minWindow, 0xF0000000, true}, // no earlier wrap
		{3 * gib, 0, 0xFFFFFFFF, 3 * gib, true},
	} {
		sequence, due := acknowledgement(tt.received, tt.acked, tt.window)
		if sequence != tt.sequence || due != tt.due {
			t.Errorf("%d received, %d acknowledged, window %d: %d %v, want %d %v",
				tt.received, tt.acked, tt.window, sequence, due, tt.sequence, tt.due)
		}
	}
}
