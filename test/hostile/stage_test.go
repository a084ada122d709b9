package hostile

import (
	"context"
	"encoding/binary"
	"fmt"
	"log/slog"
	"net"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"penstock/amf"
	"penstock/app"
	"penstock/media"
	"penstock/rtmp"
	"penstock/rtmp/chunk"
	"penstock/sharedobject"
	"penstock/status"
	"penstock/test/process"
)

// stageLimits are short where the defaults would make the suite wait, and small where reaching
// the default would need more traffic than the question is worth.
func stageLimits() app.Limits {
	const ms = time.Millisecond
	l := app.Limits{
		HandlerTimeout: 300 * ms, CallTimeout: 300 * ms, ActivityTimeout: 600 * ms, RefusedTimeout: 400 * ms,
		FirstMedia: 500 * ms, PublisherIdle: 1500 * ms, PublishTimeout: 300 * ms, PingInterval: 1000 * ms, PingTimeout: 1200 * ms,
		QueuedCommands: 220, PendingCalls: 8, PlayersPerStream: 6,
		PlayerQueue: media.QueueLimits{SoftBytes: 1 << 20, SoftDelay: time.Second, HardBytes: 4 << 20, HardDelay: 1300 * ms},
	}
	l.RTMP = rtmp.Limits{
		HandshakeTimeout: 500 * ms, TLSTimeout: 300 * ms, ConnectTimeout: 500 * ms, WriteTimeout: 2000 * ms, CloseLinger: 500 * ms,
		ControlQueueMessages: 128, Connections: 64, ConnectionsPerIP: 12, PendingTLS: 4, PendingTLSPerIP: 2,
		Chunk: chunk.Limits{AggregateMessages: 1000},
		AMF:   amf.Limits{Bytes: 650 << 10, String: 32 << 10, LongString: 64 << 10},
	}
	l.SharedObject = objectLimits
	return l
}

var stageMedia = media.Options{GOPBytes: 4 << 20, TotalGOPBytes: 6 << 20, GOPDuration: 5 * time.Second}

// stage is a server under attack.
type stage struct {
	*app.Server
	addr string
	log  process.Output

	mu       sync.Mutex
	refusals []*app.Refusal
	hubs     map[string]*sharedobject.Hub // by instance
	next     uint32                       // of the source addresses given out
}

// smallBuffers gives every accepted connection a small send buffer, so that a player that does
// not read is noticed soon and always after the same number of bytes.
type smallBuffers struct{ net.Listener }

func (l smallBuffers) Accept() (net.Conn, error) {
	nc, err := l.Listener.Accept()
	if tcp, ok := nc.(*net.TCPConn); ok {
		_ = tcp.SetWriteBuffer(64 << 10)
	}
	return nc, err
}

func newStage(t *testing.T) *stage {
	t.Helper()
	// Some certificate.
	web := httptest.NewTLSServer(nil)
	cert := web.TLS.Clone()
	web.Close()
	cert.NextProtos = nil

	s := &stage{}
	s.Server = &app.Server{
		Handler: s.apps(), Limits: stageLimits(), Registry: media.NewRegistry(stageMedia), TLSConfig: cert,
		Log: slog.New(slog.NewTextHandler(&s.log, nil)), Exempt: []netip.Prefix{}, PageURL: "http://127.0.0.1:8080/",
		OnRefusal: func(r *app.Refusal) {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.refusals = append(s.refusals, r)
		},
		Trace: func(net.Conn) rtmp.TraceFunc {
			return func(d rtmp.Direction, m *rtmp.Message) {
				if d == rtmp.In && m.Type == typePanic {
					panic("a fault in the server's own code")
				}
			}
		},
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.addr = l.Addr().String()
	done := make(chan struct{})
	go func() { defer close(done); _ = s.Serve(smallBuffers{l}) }()
	t.Cleanup(func() { _ = s.Close(); <-done })
	return s
}

// typePanic is a message type that nobody sends but the row which asks what happens when the
// server itself is at fault.
const typePanic = 77

// apps are the applications under attack.
func (s *stage) apps() *app.Mux {
	m := app.NewMux()
	m.Handle("live", app.Live(app.LiveOptions{}))
	m.HandleFunc("objects", s.objects)
	m.HandleFunc("rpc", func(_ context.Context, c *app.Client, _ []amf.Value) (app.Session, error) { return s.methods(c), nil })
	m.HandleFunc("panic", func(context.Context, *app.Client, []amf.Value) (app.Session, error) { panic("boom") })
	m.HandleFunc("late", func(ctx context.Context, _ *app.Client, _ []amf.Value) (app.Session, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	})
	m.HandleFunc("stuck", func(context.Context, *app.Client, []amf.Value) (app.Session, error) {
		time.Sleep(time.Second) // deaf to ctx
		return app.Methods{}, nil
	})
	return m
}

func (s *stage) methods(c *app.Client) app.Methods {
	return app.Methods{
		"echo":  func(_ context.Context, args []amf.Value) (amf.Value, error) { return amf.NewArray(args...), nil },
		"big":   func(context.Context, []amf.Value) (amf.Value, error) { return strings.Repeat("x", 400<<10), nil },
		"panic": func(context.Context, []amf.Value) (amf.Value, error) { panic("boom") },
		"late":  func(ctx context.Context, _ []amf.Value) (amf.Value, error) { <-ctx.Done(); return nil, ctx.Err() },
		"bye":   func(context.Context, []amf.Value) (amf.Value, error) { c.Disconnect(nil); return nil, nil },
		"wait": func(context.Context, []amf.Value) (amf.Value, error) { // deaf to its context
			select {
			case <-c.Context().Done():
			case <-time.After(4 * time.Second):
			}
			return nil, nil
		},
		// The server's own calls: twelve at once, of which eight may wait.
		"callme": func(ctx context.Context, _ []amf.Value) (amf.Value, error) {
			var over, failed atomic.Int32
			var wg sync.WaitGroup
			for range 12 {
				wg.Go(func() {
					_, err := c.Call(ctx, "you")
					if err != nil && strings.Contains(err.Error(), "pending_calls") {
						over.Add(1)
					} else if err != nil {
						failed.Add(1)
					}
				})
			}
			wg.Wait()
			return fmt.Sprintf("over %d failed %d", over.Load(), failed.Load()), nil
		},
	}
}

// address is a loopback address that no attack has come from.
func (s *stage) address() netip.Addr {
	n := atomic.AddUint32(&s.next, 1)
	return netip.AddrFrom4([4]byte{127, 1, byte(n >> 8), byte(n)})
}

func (s *stage) seen() []*app.Refusal {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]*app.Refusal(nil), s.refusals...)
}

func (s *stage) forgetRefusals() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refusals = nil
}

// healthyName is the stream that nobody may disturb; its key in the registry is "live/healthy".
const healthyName = "healthy"

// audience is the publisher and the players that must notice nothing.
type audience struct {
	sent    atomic.Uint64
	players [3]*spectator
	fault   atomic.Pointer[error]
	pings   atomic.Int64 // that the publisher got
	stop    context.CancelFunc
	wg      sync.WaitGroup
}

type spectator struct {
	seen   atomic.Uint64
	behind atomic.Int64 // ns, worst since the last check
}

// healthyFrame is the n-th frame, one of about a hundred per second; every 25th is a key frame.
func healthyFrame(n uint64) []byte {
	b := make([]byte, 5+16, 2048)
	b[0], b[1] = 0x27, 1
	if n%25 == 1 {
		b[0] = 0x17
	}
	binary.BigEndian.PutUint64(b[5:], n)
	binary.BigEndian.PutUint64(b[13:], uint64(time.Now().UnixNano()))
	return b[:cap(b)]
}

func (a *audience) fail(err error) { a.fault.CompareAndSwap(nil, &err) }

// gather starts the publisher and the players; they leave when the test ends.
func (s *stage) gather(t *testing.T) *audience {
	t.Helper()
	a := &audience{}
	ctx, stop := context.WithCancel(context.Background())
	dial := func(trace rtmp.TraceFunc) *rtmp.Client {
		c, err := rtmp.Dial(ctx, "rtmp://"+s.addr+"/live", &rtmp.ClientConfig{Trace: trace})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close() })
		return c
	}
	pub, err := dial(func(d rtmp.Direction, m *rtmp.Message) {
		if d == rtmp.In && m.Type == rtmp.TypeUserControl && len(m.Payload) > 1 && m.Payload[1] == byte(rtmp.EventPingRequest) {
			a.pings.Add(1)
		}
	}).Publish(ctx, healthyName)
	if err != nil {
		t.Fatal(err)
	}
	if err := pub.WriteVideo(ctx, 0, []byte{0x17, 0, 0, 0, 0, 1, 0x42, 0xC0, 0x1E, 0xFF}); err != nil {
		t.Fatal(err)
	}
	if err := pub.WriteData(ctx, 0, "@setDataFrame", "onMetaData", amf.NewECMA(amf.Prop{Key: "title", Value: "healthy"})); err != nil {
		t.Fatal(err)
	}
	a.wg.Go(func() { a.publish(ctx, pub) })
	for i := range a.players {
		ns, err := dial(nil).Play(ctx, healthyName, rtmp.PlayOptions{})
		if err != nil {
			t.Fatal(err)
		}
		p := &spectator{}
		a.players[i] = p
		a.wg.Go(func() { p.watch(ctx, ns, a) })
	}
	a.stop = stop
	t.Cleanup(func() { stop(); a.wg.Wait() })
	return a
}

func (a *audience) publish(ctx context.Context, ns *rtmp.NetStream) {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for n := uint64(1); ; n++ {
		if err := ns.WriteVideo(ctx, uint32(n*10), healthyFrame(n)); err != nil {
			if ctx.Err() == nil {
				a.fail(fmt.Errorf("the publisher at frame %d: %w", n, err))
			}
			return
		}
		a.sent.Store(n)
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

func (p *spectator) watch(ctx context.Context, ns *rtmp.NetStream, a *audience) {
	for {
		ev, err := ns.Read(ctx)
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			a.fail(fmt.Errorf("a player after frame %d: %w", p.seen.Load(), err))
			return
		}
		if ev.Status != nil && ev.Type == rtmp.TypeCommandAMF0 && ev.Status.Code != status.PlayReset && ev.Status.Code != status.PlayStart {
			a.fail(fmt.Errorf("a player was told %v", ev.Status))
		}
		if ev.Type != rtmp.TypeVideo || len(ev.Payload) < 21 {
			continue
		}
		n := binary.BigEndian.Uint64(ev.Payload[5:])
		if last := p.seen.Load(); last != 0 && n != last+1 {
			a.fail(fmt.Errorf("a player got frame %d after %d", n, last))
		}
		p.seen.Store(n)
		delay := time.Now().UnixNano() - int64(binary.BigEndian.Uint64(ev.Payload[13:]))
		if p.seen.Load() > 50 && delay > p.behind.Load() {
			p.behind.Store(delay)
		}
	}
}

// check wants every frame sent so far at every player, and returns how late the latest frame
// since the last check was.
func (a *audience) check(t *testing.T) time.Duration {
	t.Helper()
	target := a.sent.Load()
	deadline := time.Now().Add(3 * time.Second)
	worst := time.Duration(0)
	for i, p := range a.players {
		for p.seen.Load() < target && a.fault.Load() == nil {
			if time.Now().After(deadline) {
				t.Errorf("healthy player %d is at frame %d, the publisher at %d", i, p.seen.Load(), target)
				break
			}
			time.Sleep(time.Millisecond)
		}
		worst = max(worst, time.Duration(p.behind.Swap(0)))
	}
	if err := a.fault.Load(); err != nil {
		t.Errorf("the healthy stream suffered: %v", *err)
	}
	return worst
}
