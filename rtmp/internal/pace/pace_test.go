package pace

import (
	"testing"
	"time"
)

func TestMark(t *testing.T) {
	type video struct{ ms, size int }
	steadily := func(size int, more ...video) []video {
		var v []video
		for i := range 130 { // more than twice the time for which sizes count
			v = append(v, video{i * 33, size})
		}
		return append(v, more...)
	}
	const last = 129 * 33
	for name, tt := range map[string]struct {
		videos  []video
		at      int // ms
		missing int
		want    int
	}{
		"nothing known":                      {nil, 0, 0, 1},
		"nothing known, in a message":        {nil, 0, 500, 1},
		"one picture is no rhythm":           {[]video{{0, 8000}}, 10, 0, 1},
		"half of the smallest":               {steadily(8000), last, 0, 4000},
		"what is missing":                    {steadily(8000), last, 700, 700},
		"small pictures":                     {steadily(200), last, 0, 1},
		"a small one counts at once":         {steadily(8000, video{last + 33, 300}), last + 33, 0, 150},
		"and is forgotten":                   {steadily(8000, video{last + 33, 300}, video{last + 2500, 9000}, video{last + 2533, 9000}, video{last + 4600, 9000}, video{last + 4633, 9000}), last + 4633, 0, 4500},
		"few pictures":                       {[]video{{0, 8000}, {100, 8000}, {200, 8000}}, 200, 0, 1},
		"the last was long ago":              {steadily(8000), last + 60, 0, 1},
		"several of one read are no rhythm":  {[]video{{0, 8000}, {0, 8000}, {0, 8000}}, 0, 0, 1},
		"nothing of a former time is larger": {steadily(8000, video{last + 33, 50000}), last + 33, 0, 4000},
	} {
		t.Run(name, func(t *testing.T) {
			const origin = int64(1e18) // of a clock that did not begin now
			var p Pace
			for _, v := range tt.videos {
				p.Video(v.size, origin+int64(v.ms)*int64(time.Millisecond))
			}
			if got := p.Mark(tt.missing, origin+int64(tt.at)*int64(time.Millisecond)); got != tt.want {
				t.Errorf("mark %d, want %d", got, tt.want)
			}
		})
	}
}
