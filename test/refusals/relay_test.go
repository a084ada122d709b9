package refusals

import (
	"fmt"
	"net"
	"slices"
	"sync/atomic"
	"testing"

	"penstock/amf"
	"penstock/rtmp"
	"penstock/status"
	"penstock/test/relay"
)

// A link is a relay to the server that gives one client a loopback address of its own, by which the server's records of it are
// found.
type link struct {
	*relay.Relay
	ip string // which the server sees
}

// addresses counts them: 127.1.0.1 and so on.
var addresses atomic.Int32

// relayTo starts a relay to a server's address.
func relayTo(t *testing.T, target string) *link {
	t.Helper()
	n := addresses.Add(1)
	ip := fmt.Sprintf("127.1.%d.%d", n/250, n%250+1)
	return &link{Relay: relay.To(t, target, net.ParseIP(ip)), ip: ip}
}

// said are the information objects that the server sent, in order, on all connections.
func (r *link) said(t *testing.T) []*status.Status {
	t.Helper()
	var list []*status.Status
	for _, cmd := range r.commands(t) {
		if s, ok := status.FromObject(cmd.Arg(0)); ok {
			list = append(list, s)
		}
	}
	return list
}

// waited reports whether the server had to end the connection: it then says close, which a client that has left is not told.
func (r *link) waited(t *testing.T) bool {
	t.Helper()
	return slices.ContainsFunc(r.commands(t), func(cmd *rtmp.Command) bool { return cmd.Name == "close" })
}

// commands are what the server sent, in order, on all connections.
func (r *link) commands(t *testing.T) []*rtmp.Command {
	t.Helper()
	var list []*rtmp.Command
	for i := range r.Connections() {
		for _, m := range r.Messages(i) {
			if m.Type != rtmp.TypeCommandAMF0 && m.Type != rtmp.TypeCommandAMF3 {
				continue
			}
			cmd, err := rtmp.ParseCommand(&m, amf.DefaultLimits())
			if err != nil {
				t.Errorf("the server sent a command that cannot be decoded: %v", err)
				continue
			}
			list = append(list, cmd)
		}
	}
	return list
}
