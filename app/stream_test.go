package app

import (
	"bytes"
	"context"
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"penstock/amf"
	"penstock/rtmp"
	"penstock/rtmp/rtmptest"
	"penstock/status"
)

// open connects a raw peer to live and reads past onBWDone.
func open(t *testing.T, w *world, options ...rtmptest.ConnectOption) *rtmptest.Peer {
	t.Helper()
	p := rtmptest.Dial(t, w.addr)
	p.Open("live", options...)
	p.WantCommand("onBWDone")
	return p
}

// object is the information object of a status message.
func object(t *testing.T, m *rtmptest.Received) *amf.Object {
	t.Helper()
	o, ok := m.Command.Arg(0).(*amf.Object)
	if !ok {
		t.Fatalf("no information object in %s", amf.Format(m.Command.Arg(0)))
	}
	return o
}

func keys(o *amf.Object) string {
	var k []string
	for _, p := range o.Props {
		k = append(k, p.Key)
	}
	return strings.Join(k, " ")
}

func TestEncoderDialogue(t *testing.T) {
	w := serve(t, live(), nil)
	p := open(t, w)
	// As OBS and FFmpeg send it: three commands back to back.
	p.Send(&rtmp.Command{Name: "releaseStream", Transaction: 2, Args: []amf.Value{"cam"}},
		&rtmp.Command{Name: "FCPublish", Transaction: 3, Args: []amf.Value{"cam"}},
		&rtmp.Command{Name: "createStream", Transaction: 4})
	p.WantResult(2)
	p.WantResult(3)
	if o := object(t, p.WantCommand("onFCPublish")); o.String("code") != string(status.PublishStart) || o.String("description") != "cam" {
		t.Errorf("onFCPublish %s", amf.Format(o))
	}
	m := p.WantResult(4)
	if id, _ := m.Command.NumberArg(0); id != 1 || m.Command.Object != nil {
		t.Errorf("createStream: %v %v", m.Command.Object, m.Command.Args)
	}
	p.Send(&rtmp.Command{Name: "publish", Transaction: 5, StreamID: 1, Args: []amf.Value{"cam", "live"}})
	p.WantUserControl(rtmp.EventStreamBegin)
	start := p.WantStatus(status.PublishStart)
	if o := object(t, start); start.StreamID != 1 || keys(o) != "level code description clientid" || o.String("description") != "cam is now published." {
		t.Errorf("on stream %d: %s", start.StreamID, amf.Format(o))
	}
	if !w.Streams().Live("live/cam") {
		t.Error("not live")
	}
	p.Send(&rtmp.Command{Name: "FCUnpublish", Transaction: 6, Args: []amf.Value{"cam"}})
	p.WantResult(6)
	p.WantCommand("onFCUnpublish")
	if m := p.WantStatus(status.UnpublishSuccess); m.StreamID != 1 {
		t.Errorf("Unpublish.Success on stream %d", m.StreamID)
	}
	if w.Streams().Live("live/cam") {
		t.Error("still live after FCUnpublish")
	}
	p.Send(&rtmp.Command{Name: "deleteStream", Transaction: 0, Args: []amf.Value{1.0}},
		&rtmp.Command{Name: "getStreamLength", Transaction: 8, Args: []amf.Value{"cam"}},
		&rtmp.Command{Name: "_checkbw", Transaction: 9}, &rtmp.Command{Name: "checkBandwidth", Transaction: 10})
	if n, ok := p.WantResult(8).Command.NumberArg(0); !ok || n != 0 {
		t.Errorf("length %v", n)
	}
	p.WantResult(9)
	p.WantResult(10)
	if m := p.WantCommand("onBWDone"); len(m.Command.Args) != 4 {
		t.Errorf("onBWDone %v", m.Command.Args)
	}
}

// The order and the bytes of what precedes media, as captured from FMS 4.5.
func TestPlayOnTheWire(t *testing.T) {
	w := serve(t, live(), nil)
	p := open(t, w)
	p.Play("PD_English_Low@2001")
	if m := p.WantMessage(rtmp.TypeSetChunkSize); !bytes.Equal(m.Payload, []byte{0, 1, 0, 0}) {
		t.Errorf("chunk size % x", m.Payload)
	}
	if u := p.WantUserControl(rtmp.EventStreamBegin); u.Value != 1 {
		t.Errorf("StreamBegin(%d)", u.Value)
	}
	reset := p.WantStatus(status.PlayReset)
	o := object(t, reset)
	if keys(o) != "level code description details clientid" || len(o.String("clientid")) != 8 {
		t.Errorf("Play.Reset %s", amf.Format(o))
	}
	want := "0200086f6e537461747573000000000000000000050300056c6576656c0200067374617475730004636f64650200144e" +
		"657453747265616d2e506c61792e5265736574000b6465736372697074696f6e02002a506c6179696e6720616e642072" +
		"6573657474696e672050445f456e676c6973685f4c6f7740323030312e000764657461696c7302001350445f456e676c" +
		"6973685f4c6f7740323030310008636c69656e74696402000864734c67596f6862000009"
	got := bytes.Replace(reset.Payload, []byte(o.String("clientid")), []byte("dsLgYohb"), 1)
	wantBytes(t, "Play.Reset", got, want)
	if m := p.WantStatus(status.PlayStart); object(t, m).String("description") != "Started playing PD_English_Low@2001." {
		t.Errorf("Play.Start %s", amf.Format(object(t, m)))
	}
	wantBytes(t, "RtmpSampleAccess", p.WantData("|RtmpSampleAccess").Payload, "0200117c52746d7053616d706c6541636365737301000100")
	wantBytes(t, "Data.Start", p.WantData("onStatus").Payload,
		"0200086f6e537461747573030004636f64650200144e657453747265616d2e446174612e5374617274000009")
}

// A player that waits gets the publisher announced; one that joins gets metadata, sequence
// headers and the GOP from its key frame on.
func TestLiveStream(t *testing.T) {
	w := serve(t, live(), nil)
	waiting := open(t, w)
	waiting.Play("cam", -2.0, -1.0, false)
	waiting.WantStatus(status.PlayStart)

	pub := open(t, w)
	pub.Publish("cam?key=1")
	pub.WantStatus(status.PublishStart)
	m := waiting.WantStatus(status.PlayPublishNotify)
	if o := object(t, m); keys(o) != "level code description clientid" || o.String("description") != "cam is now published." {
		t.Errorf("PublishNotify %s", amf.Format(o))
	}
	meta := amf.NewObject(amf.Prop{Key: "width", Value: 640.0}, amf.Prop{Key: "height", Value: 360.0}, amf.Prop{Key: "framerate", Value: 25.0})
	pub.SendData(0, "@setDataFrame", "onMetaData", meta)
	pub.SendVideo(0, config(1))
	pub.SendVideo(0, frame(true, 0))
	pub.SendVideo(40, frame(false, 1))
	pub.SendData(50, "onCuePoint", "here")
	for i, want := range [][]byte{config(1), frame(true, 0), frame(false, 1)} {
		if m := waiting.WantMedia(); !bytes.Equal(m.Payload, want) {
			t.Fatalf("frame %d: %x", i, m.Payload)
		}
	}
	waiting.WantData("onCuePoint")

	late := open(t, w)
	late.Play("mp4:cam")
	late.WantStatus(status.PlayReset)
	late.WantStatus(status.PlayStart)
	md := late.WantData("onMetaData")
	if _, ok := md.Args[0].(*amf.Array); !ok {
		t.Errorf("metadata reached the player as %T, FFmpeg reads only ECMA arrays", md.Args[0])
	}
	for i, want := range [][]byte{config(1), frame(true, 0), frame(false, 1)} {
		if m := late.WantMedia(); !bytes.Equal(m.Payload, want) || m.StreamID != 1 {
			t.Fatalf("late joiner, frame %d: %x", i, m.Payload)
		}
	}
	if s := w.Streams().Streams(); len(s) != 1 || s[0].Key != "live/cam" || s[0].Width != 640 || s[0].FrameRate != 25 || s[0].Players != 2 {
		t.Errorf("streams %+v", s)
	}
	pub.Send(&rtmp.Command{Name: "closeStream", StreamID: 1})
	pub.WantStatus(status.UnpublishSuccess)
	for _, p := range []*rtmptest.Peer{waiting, late} {
		p.WantStatus(status.PlayUnpublishNotify)
		if u := p.WantUserControl(rtmp.EventStreamEOF); u.Value != 1 {
			t.Errorf("StreamEOF(%d)", u.Value)
		}
	}
	// The player stays: the next publisher is announced.
	pub.Publish("cam")
	pub.WantStatus(status.PublishStart)
	late.WantStatus(status.PlayPublishNotify)
}

func TestPlayRecordedIsNotFound(t *testing.T) {
	w := serve(t, live(), nil)
	p := open(t, w)
	p.Play("film", 0.0)
	m := p.WantStatus(status.PlayStreamNotFound)
	if o := object(t, m); m.StreamID != 1 || o.String("description") != "Failed to play film; stream not found." || o.String("details") != "film" {
		t.Errorf("told %s on stream %d", amf.Format(o), m.StreamID)
	}
	if r := w.wantRefusal(t, CauseNotFound); r.XStatus != 404 || strings.Contains(r.Stream, "film") {
		t.Errorf("recorded %+v", r)
	}
}

func TestPublishRefusals(t *testing.T) {
	mux := live()
	mux.Handle("keys", Live(LiveOptions{
		Publish: func(_ context.Context, r *PublishRequest) error {
			switch r.Query.Get("key") {
			case "good":
				r.Name = "renamed"
				return nil
			case "boom":
				return errors.New("secret")
			case "bad":
				return status.New(status.PublishDenied, "Wrong key.")
			}
			r.Name = "../up"
			return nil
		},
		Play: func(context.Context, *PlayRequest) error { return status.New(status.PlayFailed, "Pay first.") },
	}))
	mux.HandleFunc("rpc", func(context.Context, *Client, []amf.Value) (Session, error) { return Methods{}, nil })
	w := serve(t, mux, func(s *Server) { s.Limits.RefusedTimeout = 100 * time.Millisecond })
	w.init()
	tests := []struct {
		name, app, stream string
		play              bool
		code              status.Code
		description       string
	}{
		{"denied", "keys", "cam?key=bad", false, status.PublishDenied, "Wrong key."},
		{"handler failed", "keys", "cam?key=boom", false, status.PublishDenied, "The application failed: try again, and tell the operator if it stays so."},
		{"renamed badly", "keys", "cam", false, status.PublishDenied, "The application failed: try again, and tell the operator if it stays so."},
		{"no ability", "rpc", "cam", false, status.PublishDenied, "Publishing cam is not allowed."},
		{"empty name", "live", "", false, status.PublishBadName, "The stream name is empty."},
		{"dots", "live", "a/../b", false, status.PublishBadName, "The stream name has a segment ..."},
		{"play refused", "keys", "cam", true, status.PlayFailed, "Pay first."},
		{"play without ability", "rpc", "cam", true, status.PlayFailed, "Failed to play cam."},
		{"play a bad name", "live", "a\x01", true, status.PlayFailed, "The stream name has a control character."},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := rtmptest.Dial(t, w.addr)
			p.Open(tt.app)
			p.WantCommand("onBWDone")
			if tt.play {
				p.Play(tt.stream)
			} else {
				p.Publish(tt.stream)
			}
			m := p.WantStatus(tt.code)
			if got := object(t, m).String("description"); got != tt.description || m.StreamID != 1 {
				t.Errorf("told %q on stream %d, want %q", got, m.StreamID, tt.description)
			}
			// An encoder that does nothing more is let go in order.
			p.WantCommand("close")
			p.WantClosed()
		})
	}
	p := rtmptest.Dial(t, w.addr)
	p.Open("keys")
	p.WantCommand("onBWDone")
	p.Publish("cam?key=good")
	if m := p.WantStatus(status.PublishStart); object(t, m).String("description") != "cam is now published." || !w.Streams().Live("keys/renamed") {
		t.Errorf("rename: told %s, streams %v", amf.Format(object(t, m)), w.Streams().Streams())
	}
}

// A refused publisher that streams on is not cut off before it could read why.
func TestRefusedPublisherStreamsOn(t *testing.T) {
	mux := NewMux()
	mux.Handle("live", Live(LiveOptions{Publish: func(context.Context, *PublishRequest) error { return status.New(status.PublishDenied, "No.") }}))
	w := serve(t, mux, func(s *Server) { s.Limits.RefusedTimeout = 200 * time.Millisecond })
	p := open(t, w)
	p.Publish("cam")
	for i := range 300 {
		p.SendVideo(uint32(i), frame(i == 0, i))
	}
	p.WantStatus(status.PublishDenied)
	p.WantCommand("close")
	p.WantClosed()
}

// A name stays busy only while its publisher shows life; any byte counts.
func TestSecondPublisher(t *testing.T) {
	w := serve(t, live(), func(s *Server) { s.Limits.PublishTimeout = 300 * time.Millisecond })
	first := open(t, w)
	first.Publish("cam")
	first.WantStatus(status.PublishStart)

	// Alive: it never answers a ping, but it sends media.
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			case <-time.After(20 * time.Millisecond):
				first.SendVideo(uint32(i*20), frame(i == 0, i))
			}
		}
	}()
	second := open(t, w)
	second.Publish("cam")
	if m := second.WantStatus(status.PublishBadName); m.StreamID != 1 {
		t.Errorf("BadName on stream %d", m.StreamID)
	}
	w.wantRefusal(t, CauseBusyName)
	close(stop)
	<-stopped

	// Silent: the name changes hands, and players stay.
	player := open(t, w)
	player.Play("cam")
	player.WantStatus(status.PlayReset)
	player.WantStatus(status.PlayStart)
	begin := time.Now()
	second.Publish("cam")
	second.WantStatus(status.PublishStart)
	if d := time.Since(begin); d < 300*time.Millisecond {
		t.Errorf("taken over after %v, before the liveness check ended", d)
	}
	player.WantStatus(status.PlayUnpublishNotify)
	player.WantStatus(status.PlayPublishNotify)
	// The first one wakes up: it is told that the name is gone.
	first.SendVideo(9000, frame(true, 1))
	if m := first.WantStatus(status.PublishBadName); !strings.Contains(object(t, m).String("description"), "taken over") {
		t.Errorf("told %s", amf.Format(object(t, m)))
	}
}

func TestPauseAndReceive(t *testing.T) {
	w := serve(t, live(), func(s *Server) { s.Limits.ResyncInterval = time.Nanosecond })
	pub, p := open(t, w), open(t, w)
	pub.Publish("cam")
	pub.WantStatus(status.PublishStart)
	pub.SendVideo(0, config(1))
	p.Play("cam")
	p.WantStatus(status.PlayReset)
	p.WantStatus(status.PlayStart)
	p.WantMedia()
	// settle makes sure that the server has run p's commands before pub goes on.
	txn := 100.0
	settle := func() {
		txn++
		p.Send(&rtmp.Command{Name: "_checkbw", Transaction: txn})
	}
	p.Send(&rtmp.Command{Name: "pause", StreamID: 1, Args: []amf.Value{true, 0.0}})
	p.WantUserControl(rtmp.EventStreamEOF)
	p.WantStatus(status.PauseNotify)
	pub.SendVideo(10, frame(true, 1))
	pub.Send(&rtmp.Command{Name: "_checkbw", Transaction: 50})
	pub.WantResult(50)
	p.Send(&rtmp.Command{Name: "pause", StreamID: 1, Args: []amf.Value{false, 0.0}})
	p.WantUserControl(rtmp.EventStreamBegin)
	p.WantStatus(status.UnpauseNotify)
	p.WantStatus(status.PlayStart)
	if m := p.WantMedia(); !bytes.Equal(m.Payload, config(1)) {
		t.Errorf("after the pause came %x, not the sequence header", m.Payload)
	}
	pub.SendVideo(20, frame(false, 2))
	pub.SendVideo(30, frame(true, 3))
	if m := p.WantMedia(); !bytes.Equal(m.Payload, frame(true, 3)) {
		t.Errorf("resumed with %s, not at the key frame", m.Payload)
	}
	p.Send(&rtmp.Command{Name: "receiveVideo", StreamID: 1, Args: []amf.Value{false}})
	settle()
	p.WantResult(txn)
	pub.SendVideo(40, frame(false, 4))
	pub.SendAudio(41, []byte{0xAF, 1, 9})
	if m := p.WantMedia(); m.Type != rtmp.TypeAudio {
		t.Errorf("video came after receiveVideo(false)")
	}
	p.Send(&rtmp.Command{Name: "receiveVideo", StreamID: 1, Args: []amf.Value{true}}, &rtmp.Command{Name: "receiveAudio", StreamID: 1, Args: []amf.Value{false}})
	if m := p.WantMedia(); !bytes.Equal(m.Payload, config(1)) {
		t.Errorf("after receiveVideo(true) came %x, not the sequence header", m.Payload)
	}
	settle()
	p.WantResult(txn)
	pub.SendAudio(50, []byte{0xAF, 1, 9})
	pub.SendVideo(51, frame(true, 5))
	if m := p.WantMedia(); !bytes.Equal(m.Payload, frame(true, 5)) {
		t.Errorf("got %x, want the key frame", m.Payload)
	}
	p.Send(&rtmp.Command{Name: "seek", StreamID: 1, Args: []amf.Value{1000.0}})
	p.WantStatus(status.SeekFailed)
	p.Send(&rtmp.Command{Name: "seek", StreamID: 1, Args: []amf.Value{"soon"}})
	p.WantStatus(status.InvalidArg)
	p.Send(&rtmp.Command{Name: "play", StreamID: 1, Args: []amf.Value{false}})
	p.WantStatus(status.PlayStop)
}

func TestSeveralStreamsOnOneConnection(t *testing.T) {
	w := serve(t, live(), func(s *Server) { s.Limits.MessageStreams = 3 })
	p := open(t, w)
	var ids []uint32
	for range 3 {
		ids = append(ids, p.CreateStream())
	}
	p.Send(&rtmp.Command{Name: "createStream", Transaction: 90})
	if st := p.WantError(90, status.CallFailed); !strings.Contains(st.Description, "message_streams") {
		t.Errorf("fourth stream: %q", st.Description)
	}
	p.Send(&rtmp.Command{Name: "publish", StreamID: ids[0], Args: []amf.Value{"a"}}, &rtmp.Command{Name: "publish", StreamID: ids[1], Args: []amf.Value{"b", "LIVE"}},
		&rtmp.Command{Name: "play", StreamID: ids[2], Args: []amf.Value{"a"}})
	for _, id := range ids[:2] {
		if m := p.WantStatus(status.PublishStart); m.StreamID != id {
			t.Errorf("Publish.Start on %d, want %d", m.StreamID, id)
		}
	}
	p.WantStatus(status.PlayReset)
	p.WantStatus(status.PlayStart)
	p.SendMessage(&rtmp.Message{Type: rtmp.TypeVideo, CSID: 6, StreamID: ids[0], Payload: config(7)},
		&rtmp.Message{Type: rtmp.TypeVideo, CSID: 6, StreamID: ids[1], Payload: config(8)},
		&rtmp.Message{Type: rtmp.TypeVideo, CSID: 6, StreamID: ids[0], Payload: frame(true, 1)})
	for _, want := range [][]byte{config(7), frame(true, 1)} {
		if m := p.WantMedia(); m.StreamID != ids[2] || !bytes.Equal(m.Payload, want) {
			t.Errorf("stream %d: %x", m.StreamID, m.Payload)
		}
	}
	// GStreamer deletes by name; nonsense is ignored.
	p.Send(&rtmp.Command{Name: "deleteStream", Args: []amf.Value{math.NaN()}}, &rtmp.Command{Name: "deleteStream", Args: []amf.Value{math.Inf(1)}},
		&rtmp.Command{Name: "deleteStream", Args: []amf.Value{"a"}})
	p.WantStatus(status.PlayUnpublishNotify)
}

// Publishers that do not wait: publish and media in one go, and publish on stream 0.
func TestImpatientPublishers(t *testing.T) {
	mux := NewMux()
	mux.Handle("live", Live(LiveOptions{Publish: func(context.Context, *PublishRequest) error { time.Sleep(50 * time.Millisecond); return nil }}))
	w := serve(t, mux, nil)
	player := open(t, w)
	player.Play("cam")
	player.WantStatus(status.PlayReset)
	player.WantStatus(status.PlayStart)
	p := open(t, w)
	p.Send(&rtmp.Command{Name: "createStream", Transaction: 2}, &rtmp.Command{Name: "publish", Transaction: 0, Args: []amf.Value{"cam"}})
	p.SendMessage(&rtmp.Message{Type: rtmp.TypeVideo, CSID: 6, Payload: config(1)},
		&rtmp.Message{Type: rtmp.TypeVideo, CSID: 6, Payload: append(frame(true, 1), make([]byte, 60<<10)...)})
	p.WantResult(2)
	p.WantStatus(status.PublishStart)
	player.WantStatus(status.PlayPublishNotify)
	if m := player.WantMedia(); !bytes.Equal(m.Payload, config(1)) {
		t.Errorf("first message lost: %x", m.Payload)
	}
	if m := player.WantMedia(); len(m.Payload) < 60<<10 {
		t.Errorf("key frame of %d bytes", len(m.Payload))
	}
}

func TestAggregate(t *testing.T) {
	w := serve(t, live(), nil)
	pub, p := open(t, w), open(t, w)
	pub.Publish("cam")
	pub.WantStatus(status.PublishStart)
	p.Play("cam")
	p.WantStatus(status.PlayReset)
	p.WantStatus(status.PlayStart)
	sub := func(typ, ts byte, body []byte) []byte {
		n := len(body)
		b := append([]byte{typ, 0, 0, byte(n), 0, 0, ts, 0, 0, 0, 0}, body...)
		return append(b, 0, 0, 0, byte(n+11))
	}
	body := append(sub(9, 100, config(1)), sub(9, 140, frame(true, 1))...)
	pub.SendMessage(&rtmp.Message{Type: rtmp.TypeAggregate, CSID: 6, StreamID: 1, Timestamp: 100, Payload: body})
	p.WantMedia()
	if m := p.WantMedia(); m.Timestamp != 140 || !bytes.Equal(m.Payload, frame(true, 1)) {
		t.Errorf("at %d: %x", m.Timestamp, m.Payload)
	}
}

func TestNewPlayerSeesOneStreamTime(t *testing.T) {
	w := serve(t, live(), nil)
	pub, p := open(t, w), open(t, w)
	pub.Publish("cam")
	pub.WantStatus(status.PublishStart)
	p.Play("cam")
	p.WantStatus(status.PlayReset)
	p.WantStatus(status.PlayStart)
	base := uint32(math.MaxUint32 - 100) // wraps while the stream runs
	last := int64(-1)
	for i := range 10 {
		pub.SendVideo(base+uint32(i*40), frame(i == 0, i))
		m := p.WantMedia()
		if int64(m.Timestamp) <= last || m.Timestamp > 5000 {
			t.Fatalf("frame %d at %d after %d", i, m.Timestamp, last)
		}
		last = int64(m.Timestamp)
	}
}

// A handler that does not answer in time has refused; what it says later changes nothing.
func TestLateDecisions(t *testing.T) {
	release := make(chan struct{})
	mux := NewMux()
	mux.Handle("live", Live(LiveOptions{
		Publish: func(context.Context, *PublishRequest) error { <-release; return nil },
		Play:    func(context.Context, *PlayRequest) error { <-release; return nil },
	}))
	w := serve(t, mux, func(s *Server) { s.Limits.HandlerTimeout = 100 * time.Millisecond })
	defer close(release)
	p, q := open(t, w), open(t, w)
	p.Publish("cam")
	if m := p.WantStatus(status.PublishDenied); m.StreamID != 1 {
		t.Errorf("on stream %d", m.StreamID)
	}
	q.Play("cam")
	if o := object(t, q.WantStatus(status.PlayFailed)); o.String("details") != "cam" {
		t.Errorf("told %s", amf.Format(o))
	}
	if r := w.wantRefusal(t, CauseTimeout); r.Rule != "handler_timeout" || r.XStatus != 408 {
		t.Errorf("recorded %+v", r)
	}
	release <- struct{}{}
	release <- struct{}{}
	p.WantNothing(50 * time.Millisecond)
	if w.Streams().Live("live/cam") {
		t.Error("published by a late answer")
	}
}

// A merge window holds what players get; they get all of it.
func TestMergeWindow(t *testing.T) {
	const window = 300 * time.Millisecond
	w := serve(t, Live(LiveOptions{MergeWindow: window}), nil)
	pub, err := dial(t, w.url("live"), nil).Publish(t.Context(), "cam")
	if err != nil {
		t.Fatal(err)
	}
	play, err := dial(t, w.url("live"), nil).Play(t.Context(), "cam", rtmp.PlayOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if err := pub.WriteVideo(t.Context(), 0, config(1)); err != nil {
		t.Fatal(err)
	}
	nextVideo(t, play)
	for i := range 3 { // each alone in its window: the one before has arrived
		sent := time.Now()
		if err := pub.WriteVideo(t.Context(), uint32(i*500), frame(true, i)); err != nil {
			t.Fatal(err)
		}
		nextVideo(t, play)
		if took := time.Since(sent); i > 0 && took < window*9/10 { // the first may come as early as its window began
			t.Errorf("frame %d came after %v", i, took)
		}
	}
}
