// Package demo holds the clip that a server shows when nobody publishes, and plays FLV input as a live source: in real time,
// again and again, with timestamps that go on across the seam.
package demo

import _ "embed"

// clip.flv is made by scripts/make-demo-clip.
//
//go:embed clip.flv
var clip []byte

// Clip returns the demo clip, an FLV file of 10.24 s: H.264 Main profile 640x360 at 25 pictures a second without B-frames,
// closed GOPs of 1.28 s, and AAC 48 kHz stereo. Callers must not change the bytes.
func Clip() []byte { return clip }
