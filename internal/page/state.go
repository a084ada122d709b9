package page

import (
	"cmp"
	"encoding/json"
	"slices"
	"strings"
	"sync"
	"time"

	"penstock/app"
	"penstock/internal/explain"
	"penstock/media"
)

// The page shows at most this many streams and connections; the totals count all.
const (
	maxStreams     = 100
	maxConnections = 200
	maxKeys        = 16  // names of one connection
	maxText        = 300 // characters of what a client or an application said
)

// snapshotAge is how long a snapshot serves every page that asks.
const snapshotAge = 500 * time.Millisecond

// state is the document /state.json. Times are Unix ms of the server's clock, rates bit/s.
type state struct {
	Now         int64        `json:"now"`
	Redacted    bool         `json:"redacted"`
	Totals      totals       `json:"totals"`
	Streams     []stream     `json:"streams"`
	Connections []connection `json:"connections"`
	Ended       []connection `json:"ended"`
	Refusals    []refusal    `json:"refusals"`
}

type totals struct {
	Live        int    `json:"live"`
	Waiting     int    `json:"waiting"` // names that are waited for and have no publisher
	Viewers     int    `json:"viewers"`
	Bitrate     int    `json:"bitrate"` // of all publishers
	Connections int    `json:"connections"`
	Refused     uint64 `json:"refused"` // since the server started
}

type stream struct {
	Key       string  `json:"key"` // what follows "/" in its addresses
	Live      bool    `json:"live"`
	Since     int64   `json:"since,omitempty"`
	Video     string  `json:"video,omitempty"`
	Audio     string  `json:"audio,omitempty"`
	Width     int     `json:"width,omitempty"`
	Height    int     `json:"height,omitempty"`
	FrameRate float64 `json:"frameRate,omitempty"`
	Bitrate   int     `json:"bitrate"`
	Viewers   int     `json:"viewers"`
	Publisher string  `json:"publisher,omitempty"` // who sends it; "" is this server itself
}

type connection struct {
	ID         string   `json:"id"`
	Peer       string   `json:"peer"`
	App        string   `json:"app"` // with the instance when it is not the default one
	Software   string   `json:"software"`
	FlashVer   string   `json:"flashVer"`
	Secure     bool     `json:"secure,omitempty"`
	Since      int64    `json:"since"`
	In         uint64   `json:"in"`  // bytes from the client
	Out        uint64   `json:"out"` // bytes to it
	Publishing []string `json:"publishing,omitempty"`
	Playing    []string `json:"playing,omitempty"`
	Ended      int64    `json:"ended,omitempty"`
	Reason     string   `json:"reason,omitempty"`
}

func newConnection(c *app.Client) connection {
	v := connection{
		ID: c.ID, App: appName(c.App, c.Instance), Software: explain.Software(c.FlashVer), FlashVer: explain.Clean(c.FlashVer, maxText),
		Secure: c.Secure, Since: c.Since.UnixMilli(), In: c.BytesRead(), Out: c.BytesWritten(),
		Publishing: keys(c.Publishing()), Playing: keys(c.Playing()),
	}
	if c.Addr != nil {
		v.Peer = c.Addr.String()
	}
	return v
}

func appName(name, instance string) string {
	if instance == "" || instance == app.DefaultInstance {
		return name
	}
	return name + "/" + instance
}

func keys(list []string) []string {
	slices.Sort(list)
	return slices.Compact(list[:min(len(list), maxKeys)])
}

// snapshot reads the server.
func (h *handler) snapshot() *state {
	s := &state{Now: time.Now().UnixMilli(), Streams: []stream{}, Connections: []connection{}}
	s.Totals.Refused = h.o.Server.Refusals().Total
	publishers := make(map[string]string)
	for _, c := range h.o.Server.Clients() {
		v := newConnection(c)
		h.o.Recent.saw(&v)
		for _, key := range v.Publishing {
			publishers[key] = v.Software + " at " + hostOf(v.Peer)
		}
		s.Connections = append(s.Connections, v)
	}
	s.Totals.Connections = len(s.Connections)
	slices.Reverse(s.Connections) // newest first
	s.Connections = s.Connections[:min(len(s.Connections), maxConnections)]
	for _, i := range h.o.Server.Streams().Streams() {
		s.add(i, publishers[i.Key])
	}
	// The live ones first, so that a crowd of waiting names does not push them out.
	slices.SortStableFunc(s.Streams, func(a, b stream) int { return cmp.Compare(b.rank(), a.rank()) })
	s.Streams = s.Streams[:min(len(s.Streams), maxStreams)]
	s.Refusals, s.Ended = h.readRefusals(), h.o.Recent.list()
	return s
}

func (s *state) add(i media.StreamInfo, publisher string) {
	s.Totals.Viewers += i.Players
	v := stream{Key: i.Key, Live: i.Live, Viewers: i.Players}
	if i.Live {
		s.Totals.Live++
		s.Totals.Bitrate += i.Bitrate
		v.Since, v.Video, v.Audio, v.Bitrate = i.Since.UnixMilli(), i.VideoCodec, i.AudioCodec, i.Bitrate
		v.Width, v.Height, v.FrameRate = i.Width, i.Height, i.FrameRate
		v.Publisher = publisher
	} else {
		s.Totals.Waiting++
	}
	s.Streams = append(s.Streams, v)
}

func (v stream) rank() int {
	if v.Live {
		return 1
	}
	return 0
}

// redact hides what strangers must not see: names that may be keys, addresses, and texts that
// may contain either. It works on copies of the lists.
func (s *state) redact() *state {
	r := *s
	r.Redacted = true
	r.Streams = slices.Clone(s.Streams)
	for i := range r.Streams {
		v := &r.Streams[i]
		v.Key, v.Publisher = redactKey(v.Key), ""
	}
	r.Connections, r.Ended = redactConnections(s.Connections), redactConnections(s.Ended)
	r.Refusals = slices.Clone(s.Refusals)
	for i := range r.Refusals {
		v := &r.Refusals[i]
		v.Peer, v.Description, v.App, v.Stream = "", "", "", ""
		v.Wanted = explain.Wanted(v.stage, "", "")
	}
	return &r
}

func redactConnections(list []connection) []connection {
	list = slices.Clone(list)
	for i := range list {
		v := &list[i]
		v.ID, v.Peer, v.FlashVer = "", "", ""
		v.Publishing, v.Playing = redactKeys(v.Publishing), redactKeys(v.Playing)
	}
	return list
}

func redactKeys(list []string) []string {
	list = slices.Clone(list)
	for i := range list {
		list[i] = redactKey(list[i])
	}
	return list
}

// redactKey leaves the application and at most two characters of the name.
func redactKey(key string) string {
	app, name, _ := strings.Cut(key, "/")
	runes := []rune(name)
	return app + "/" + string(runes[:min(2, len(runes)/4)]) + "…"
}

// cache holds the last snapshot, encoded for each kind of visitor.
type cache struct {
	mu   sync.Mutex
	made time.Time
	last *state
	body map[view][]byte
}

func (c *cache) get(v view, snapshot func() *state) ([]byte, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.last == nil || time.Since(c.made) >= snapshotAge {
		c.last, c.made, c.body = snapshot(), time.Now(), make(map[view][]byte)
	}
	if body := c.body[v]; body != nil {
		return body, nil
	}
	s := c.last
	if v == viewRedacted {
		s = s.redact()
	}
	body, err := json.Marshal(s)
	if err == nil {
		c.body[v] = body
	}
	return body, err
}
