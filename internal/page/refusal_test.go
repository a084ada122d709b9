package page

import (
	"errors"
	"fmt"
	"net"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"penstock/app"
	"penstock/internal/explain"
	"penstock/status"
)

func TestNewRefusal(t *testing.T) {
	at := time.UnixMilli(1_700_000_000_123)
	got := newRefusal(&app.Refusal{
		Time: at, Stage: app.StagePublish, Cause: app.CauseBusyName, Rule: "r", XStatus: 409, Session: "AbCdEfGh",
		Status: status.New(status.PublishBadName, "demo is already being published."),
		Peer:   &net.TCPAddr{IP: net.IPv4(10, 0, 0, 7), Port: 4711}, App: "live", Stream: "d…",
		FlashVer: "FMLE/3.0 (compatible; FMSc/1.0)", Err: errors.New("the inner reason is not for the page"),
	})
	want := refusal{
		Time: at.UnixMilli(), Peer: "10.0.0.7:4711", Software: "OBS or another live encoder", Wanted: "to publish live/d…",
		Why: explain.Why(app.CauseBusyName), Advice: explain.Advice(app.CauseBusyName), App: "live", Stream: "d…",
		Code: "NetStream.Publish.BadName", Description: "demo is already being published.", Cause: "busy-name", Rule: "r",
		XStatus: 409, Session: "AbCdEfGh", stage: app.StagePublish,
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(refusal{})); diff != "" {
		t.Error(diff)
	}
	// Almost nothing known must not panic.
	if got := newRefusal(&app.Refusal{}); got.Code != "" || got.Peer != "" {
		t.Errorf("empty refusal: %+v", got)
	}
}

func TestEndReason(t *testing.T) {
	tests := []struct {
		err  error
		want string
	}{
		{nil, "left by itself"},
		{app.ErrClosedByPeer, "left by itself"},
		{fmt.Errorf("%w: %w", app.ErrClosedByPeer, net.ErrClosed), "its connection was lost"},
		{app.ErrDisconnected, "disconnected by the application"},
		{&app.Refusal{Cause: app.CauseProtocol}, "ended by the server: what came in is not a valid RTMP stream"},
		{status.For(status.ConnectIdleTimeOut), "ended by the server: NetConnection.Connect.IdleTimeOut"},
		{errors.New("app: idle after a refusal"), "ended: idle after a refusal"},
		{errors.New("odd"), "ended: odd"},
	}
	for _, tt := range tests {
		if got := endReason(tt.err); got != tt.want {
			t.Errorf("endReason(%v) = %q, want %q", tt.err, got, tt.want)
		}
	}
}
