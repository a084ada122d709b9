package main

import (
	"bytes"
	"math"
	"testing"
)

// draw draws every twelfth line.
func draw(turn float64) []byte {
	var b []byte
	line := make([]byte, 3*width)
	for y := 0; y < height; y += 12 {
		row(turn, y, line)
		b = append(b, line...)
	}
	return b
}

// The last picture leads into the first: a whole turn brings everything back, up to rounding.
func TestLoopCloses(t *testing.T) {
	first, again := draw(0), draw(2*math.Pi)
	for i := range first {
		if d := int(first[i]) - int(again[i]); d < -1 || d > 1 {
			t.Fatalf("byte %d is %d after a turn, was %d", i, again[i], first[i])
		}
	}
}

// Two pictures in a row differ, but not by a jump: the mean difference stays small, also across the seam.
func TestMotionIsSmooth(t *testing.T) {
	step := 2 * math.Pi / frames
	for _, turn := range []float64{0, 1, math.Pi, 2*math.Pi - step} {
		a, b := draw(turn), draw(turn+step)
		if bytes.Equal(a, b) {
			t.Fatalf("nothing moves at %.2f", turn)
		}
		sum := 0
		for i := range a {
			sum += max(int(a[i]), int(b[i])) - min(int(a[i]), int(b[i]))
		}
		if mean := float64(sum) / float64(len(a)); mean > 4 {
			t.Errorf("at %.2f a byte changes by %.1f on average", turn, mean)
		}
	}
}
