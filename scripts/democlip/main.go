// Command democlip draws the pictures of the demo stream: evening swells under a low sun, with a lantern that rides them.
// It writes raw RGB frames (3 bytes a pixel) to standard output, one loop of them; scripts/make-demo-clip encodes them.
// Everything that moves makes a whole number of turns in one loop, so the last picture leads into the first.
package main

import (
	"bufio"
	"log"
	"math"
	"os"
)

const (
	width  = 640
	height = 360
	frames = 256
)

type rgb struct{ r, g, b float64 }

func (c rgb) towards(o rgb, share float64) rgb {
	return rgb{c.r + (o.r-c.r)*share, c.g + (o.g-c.g)*share, c.b + (o.b-c.b)*share}
}

// A swell is a line across the picture, the sum of two sines that travel at different speeds.
type swell struct {
	base, amp, waves float64
	turns            float64 // whole turns in one loop; the sign is the direction
	colour           rgb
}

var swells = []swell{
	{0.52, 9, 1.1, 1, rgb{72, 118, 158}},
	{0.62, 11, 1.4, -1, rgb{44, 92, 136}},
	{0.73, 12, 1.0, 2, rgb{24, 66, 108}},
	{0.86, 11, 1.6, -2, rgb{11, 40, 74}},
}

func (s swell) at(x, turn float64) float64 {
	u := 2 * math.Pi * x / width
	return height*s.base + s.amp*(math.Sin(s.waves*u+s.turns*turn)+0.4*math.Sin((s.waves+1.7)*u-2*s.turns*turn+9*s.base))
}

func cover(distance float64) float64 { return min(max(distance, 0), 1) }

// row draws line y of the frame at the given turn (0 to 2π over one loop) into out.
func row(turn float64, y int, out []byte) {
	low, high := rgb{255, 148, 104}, rgb{30, 34, 88}
	warm, lamp := rgb{255, 206, 140}, rgb{255, 236, 178}
	sunX, sunY := width*(0.5+0.30*math.Cos(turn)), height*(0.34-0.09*math.Sin(turn))
	lampX := width * (0.5 - 0.40*math.Cos(turn))
	lampY := swells[2].at(lampX, turn) - 5
	for x := range width {
		px, py := float64(x)+0.5, float64(y)+0.5
		c := high.towards(low, min(1, py/(height*0.56)))
		d := math.Hypot(px-sunX, py-sunY)
		c = c.towards(warm, 0.60*math.Exp(-d*d/(120*120)))
		c = c.towards(rgb{255, 240, 205}, cover(32-d))
		for k, s := range swells {
			depth := py - s.at(px, turn)
			// Light from the sun lies on each crest and along a path below it.
			path := math.Exp(-math.Pow((px-sunX)/(46+34*float64(k)), 2)) * (0.5 + 0.5*math.Sin(depth*0.55+float64(k)))
			lit := s.colour.towards(warm, 0.34*path+0.16*math.Exp(-math.Max(depth, 0)/5))
			c = c.towards(lit, cover(depth/1.4+0.5))
			if k == 2 {
				l := math.Hypot(px-lampX, py-lampY)
				c = c.towards(lamp, 0.42*math.Exp(-l*l/(26*26)))
				c = c.towards(lamp, cover(8-l))
			}
		}
		out[3*x], out[3*x+1], out[3*x+2] = byte(c.r+0.5), byte(c.g+0.5), byte(c.b+0.5)
	}
}

func main() {
	w := bufio.NewWriterSize(os.Stdout, 1<<20)
	line := make([]byte, 3*width)
	for n := range frames {
		for y := range height {
			row(2*math.Pi*float64(n)/frames, y, line)
			if _, err := w.Write(line); err != nil {
				log.Fatal(err)
			}
		}
	}
	if err := w.Flush(); err != nil {
		log.Fatal(err)
	}
}
