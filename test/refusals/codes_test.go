package refusals

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"penstock/amf"
	"penstock/app"
	"penstock/status"
	"penstock/test/process"
)

// adaWords are what every code comes with.
const adaWords = "Ask Ada for a key."

// dropped is the name of a stream that is accepted once and then dropped without a word; the next time it is refused.
const dropped = "dropped"

// codeServer refuses with the code that a client asks for by the name of the application or of the stream.
func codeServer(t *testing.T) string {
	t.Helper()
	refuse := func(code string) error {
		if !strings.HasPrefix(code, "Net") {
			return nil
		}
		return status.New(status.Code(code), adaWords)
	}
	var drops atomic.Int32
	mux := app.NewMux()
	mux.HandleFunc("*", func(ctx context.Context, c *app.Client, args []amf.Value) (app.Session, error) {
		if err := refuse(c.App); err != nil {
			return nil, err
		}
		return app.Live(app.LiveOptions{
			Publish: func(_ context.Context, r *app.PublishRequest) error {
				if r.Name == dropped && drops.Add(1) == 1 {
					time.AfterFunc(200*time.Millisecond, func() { c.Disconnect(nil) })
				} else if r.Name == dropped {
					return refuse("NetStream.Publish.Denied")
				}
				return refuse(r.Name)
			},
			Play: func(_ context.Context, r *app.PlayRequest) error { return refuse(r.Name) },
		}).Connect(ctx, c, args)
	})
	srv := &app.Server{Handler: mux, Log: slog.New(slog.NewTextHandler(io.Discard, nil))}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() { defer close(done); _ = srv.Serve(l) }()
	t.Cleanup(func() { _ = srv.Close(); <-done })
	return l.Addr().String()
}

// A codeRow is what clients do with one code, as cells of the document's table.
type codeRow struct {
	action string // connect, publish, play
	code   string
	cells  map[*client]string
}

// codeRows are the codes that servers refuse with, those of other servers included.
func codeRows() []*codeRow {
	row := func(action string, codes ...string) (list []*codeRow) {
		for _, c := range codes {
			list = append(list, &codeRow{action, c, make(map[*client]string)})
		}
		return list
	}
	return append(append(row("publish", "NetStream.Publish.Denied", "NetStream.Publish.BadName", "NetStream.Publish.Rejected", "NetStream.Failed",
		"NetStream.Publish.Failed", "NetStream.Publish.Unauthorized"),
		row("play", "NetStream.Play.StreamNotFound", "NetStream.Play.Failed", "NetStream.Failed", "NetStream.Play.Unauthorized")...),
		row("connect", "NetConnection.Connect.Rejected", "NetConnection.Connect.InvalidApp", "NetConnection.Connect.Failed",
			"NetConnection.Connect.AppShutdown")...)
}

// tryCodes lets every client meet every code.
func tryCodes(t *testing.T, rows []*codeRow, display string) {
	addr := codeServer(t)
	for _, row := range rows {
		t.Run(row.action+" "+row.code, func(t *testing.T) {
			t.Parallel()
			for _, c := range append(slices.Clone(clients), obs) {
				g := &target{app: "live", stream: row.code}
				if row.action == "connect" {
					g.app, g.stream = row.code, "cam"
				}
				at := &place{relay: relayTo(t, addr), client: c}
				g.addr = at.relay.Addr
				row.cells[c] = row.try(t, at, g, display)
			}
		})
	}
	t.Run("a publisher that was live before", func(t *testing.T) {
		t.Parallel()
		at := &place{relay: relayTo(t, addr), client: obs}
		p := goLive(t, display, &target{addr: at.relay.Addr, app: "live", stream: dropped})
		// The first is dropped, the second refused. OBS sees the end when the server has waited close_linger for it.
		until(t, 90*time.Second, "OBS, which was live before, comes again after it was refused", func() bool { return at.relay.Connections() >= 3 })
		if log := p.Stdout.String(); !strings.Contains(log, "NetStream.Publish.Denied ("+adaWords) {
			t.Errorf("OBS was not refused:\n%s", process.Tail(log))
		}
	})
}

// try lets one client meet the code, and says what it does.
func (row *codeRow) try(t *testing.T, at *place, g *target, display string) string {
	var all string
	if at.client == obs {
		if row.action == "play" {
			return "–"
		}
		log, n := runOBS(t, display, at, g)
		if all = strings.Join(log, "\n"); n != 1 {
			return fmt.Sprintf("comes again (%d connections)", n)
		}
	} else {
		do := playing
		if row.action != "play" && at.client.can[publishing] != nil {
			do = publishing
		}
		if row.action == "publish" && do == playing {
			return "–"
		}
		p := start(t, nil, nil, at.client.program, at.client.can[do](g)...)
		p.Wait(t, 30*time.Second)
		all = strings.Join(at.client.printed(p.Stdout.String(), ""), "\n")
	}
	shown := "nothing"
	code, said := strings.Contains(strings.ReplaceAll(all, "/"+row.code, ""), row.code), strings.Contains(all, adaWords)
	switch {
	case code && said:
		shown = "code and words"
	case said:
		shown = "words"
	case code:
		shown = "code"
	}
	if row.action != "connect" && at.relay.waited(t) {
		return "waits for the server to end it; shows " + shown
	}
	return "stops; shows " + shown
}

// codeTable is the document's table of codes.
func codeTable(rows []*codeRow) string {
	var b strings.Builder
	b.WriteString("| refused | code | OBS Studio | GStreamer | FFmpeg | rtmpdump |\n| --- | --- | --- | --- | --- | --- |\n")
	for _, r := range rows {
		fmt.Fprintf(&b, "| %s | `%s` | %s | %s | %s | %s |\n", r.action, r.code, r.cells[obs], r.cells[gstreamer], r.cells[ffmpeg], r.cells[rtmpdump])
	}
	return b.String()
}
