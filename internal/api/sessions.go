package api

import (
	"context"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"penstock/app"
	"penstock/internal/explain"
	"penstock/internal/operator"
	"penstock/status"
)

// Session is a client that is connected.
type Session struct {
	ID         string    `json:"id" doc:"As in the log."`
	Peer       string    `json:"peer" doc:"Address and port."`
	App        string    `json:"app"`
	Instance   string    `json:"instance" doc:"Of the application; _definst_ when the client named none."`
	FlashVer   string    `json:"flashVer,omitempty" doc:"What the client calls itself."`
	Software   string    `json:"software,omitempty" doc:"The program behind flashVer, in plain words."`
	Secure     bool      `json:"secure" doc:"Came through TLS."`
	Since      time.Time `json:"since"`
	BytesIn    uint64    `json:"bytesIn" doc:"Bytes from the client."`
	BytesOut   uint64    `json:"bytesOut" doc:"Bytes to the client."`
	Publishing []string  `json:"publishing" doc:"Keys of the streams that it publishes."`
	Playing    []string  `json:"playing" doc:"Keys of the streams that it plays."`
	Sharing    []string  `json:"sharing" doc:"Names of the shared objects that it uses."`
	QueueDrops uint64    `json:"queueDrops" doc:"Messages that were left out because the client, as a player, was too slow."`
}

func newSession(c *app.Client) Session {
	sorted := func(keys []string) []string {
		slices.Sort(keys)
		return append([]string{}, slices.Compact(keys)...)
	}
	s := Session{
		ID: c.ID, App: c.App, Instance: c.Instance, FlashVer: clean(c.FlashVer), Software: explain.Software(c.FlashVer),
		Secure: c.Secure, Since: c.Since.UTC(), BytesIn: c.BytesRead(), BytesOut: c.BytesWritten(),
		Publishing: sorted(c.Publishing()), Playing: sorted(c.Playing()), Sharing: sorted(c.Sharing()), QueueDrops: c.QueueDrops(),
	}
	if c.Addr != nil {
		s.Peer = c.Addr.String()
	}
	return s
}

type sessionsInput struct {
	App      string `query:"app" maxLength:"128" doc:"Only those of this application."`
	Instance string `query:"instance" maxLength:"128" doc:"Only those of instances of this name."`
	IP       string `query:"ip" maxLength:"64" doc:"Only those from this address or network."`
}

type sessionsOutput struct {
	Body struct {
		Sessions []Session `json:"sessions" doc:"Oldest first."`
	}
}

type kickInput struct {
	ID   string `path:"id" maxLength:"64" doc:"ID of the session."`
	Body *Told
}

// Told is what a client is told.
type Told struct {
	Code string `json:"code,omitempty" maxLength:"128" pattern:"^[A-Za-z]+(\\.[A-Za-z]+)+$" doc:"Code of the information object; NetConnection.Connect.Closed when it is left out." example:"NetConnection.Connect.Rejected"`
	Text string `json:"text,omitempty" maxLength:"512" doc:"Description of the information object, for the person at the client."`
}

// status is nil when nothing is said.
func (t *Told) status(def status.Code) *status.Status {
	if t == nil || t.Code == "" && t.Text == "" {
		return nil
	}
	code := def
	if t.Code != "" {
		code = status.Code(t.Code)
	}
	if t.Text == "" {
		return status.For(code)
	}
	return status.New(code, t.Text)
}

func (h *handler) sessions() {
	huma.Register(h.api, h.operation(http.MethodGet, "/sessions", operator.Viewer, "Who is connected", "Over RTMP."),
		func(_ context.Context, in *sessionsInput) (*sessionsOutput, error) {
			var within netip.Prefix
			if in.IP != "" {
				var err error
				if within, err = parseNetwork(in.IP); err != nil {
					return nil, invalid("query.ip", in.IP, err)
				}
			}
			out := &sessionsOutput{}
			out.Body.Sessions = []Session{}
			for _, c := range h.o.Server.Clients() {
				if (in.App == "" || c.App == in.App) && (in.Instance == "" || c.Instance == in.Instance) && (!within.IsValid() || contains(within, c.Addr)) {
					out.Body.Sessions = append(out.Body.Sessions, newSession(c))
				}
			}
			return out, nil
		})
	huma.Register(h.api, h.operation(http.MethodPost, "/sessions/{id}/kick", operator.Operator, "End a session",
		"Its client is told, then the connection is closed. Nothing keeps it from coming again."),
		func(ctx context.Context, in *kickInput) (*struct{}, error) {
			if !h.o.Server.Kick(in.ID, in.Body.status(status.ConnectClosed)) {
				return nil, huma.Error404NotFound("There is no session " + in.ID + "; it may have ended.")
			}
			h.did(ctx, "kick", "session", in.ID)
			return nil, nil
		})
}

func contains(p netip.Prefix, a net.Addr) bool {
	if a == nil {
		return false
	}
	ap, err := netip.ParseAddrPort(a.String())
	return err == nil && p.Contains(ap.Addr().Unmap().WithZone(""))
}

// parseNetwork reads an address or a network.
func parseNetwork(s string) (netip.Prefix, error) {
	s = strings.TrimSpace(s)
	if ip, err := netip.ParseAddr(s); err == nil {
		ip = ip.Unmap().WithZone("")
		return netip.PrefixFrom(ip, ip.BitLen()), nil
	}
	p, err := netip.ParsePrefix(s)
	if err != nil {
		return p, errNoNetwork
	}
	if p.Addr().Is4In6() && p.Bits() >= 96 {
		p = netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-96)
	}
	return p.Masked(), nil
}
