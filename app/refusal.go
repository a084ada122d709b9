package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"strings"
	"sync"
	"time"

	"penstock/rtmp"
	"penstock/rtmp/chunk"
	"penstock/status"
)

// Cause is why something was refused, independent of the words the client got.
type Cause string

// Causes.
const (
	CauseUnknownApp Cause = "unknown-application"
	CauseBadName    Cause = "bad-name"
	CauseHandler    Cause = "handler"      // the application said no
	CauseHook       Cause = "hook"         // the HTTP hook said no
	CauseHookLate   Cause = "hook-timeout" // the HTTP hook did not answer in time
	CauseHookDown   Cause = "hook-down"    // the HTTP hook cannot be reached, or its answer makes no sense
	CauseChallenge  Cause = "challenge"    // a log-in's usual first steps, see Refusal
	CauseRedirect   Cause = "redirect"     // the application sent the client elsewhere
	CauseFailed     Cause = "failed"       // the application failed: an error, a panic
	CauseTimeout    Cause = "timeout"      // the application did not answer in time
	CauseMalformed  Cause = "malformed"    // what the client sent made no sense
	CauseEncoding   Cause = "encoding"     // AMF that cannot be decoded, or an unknown version
	CauseLimit      Cause = "limit"        // a named limit
	CausePolicy     Cause = "policy"       // allowed to others, not to this client
	CauseNoAbility  Cause = "no-ability"   // the application has no such streams or methods
	CauseBusyName   Cause = "busy-name"    // another publisher has the name
	CauseNotFound   Cause = "not-found"    // no such stream or method
	CauseShutdown   Cause = "shutdown"     // the process or the application is being stopped
	CauseIdle       Cause = "idle"         // nothing happened for too long
	CauseForeign    Cause = "not-rtmp"     // another protocol, or no handshake
	CauseProtocol   Cause = "protocol"     // the chunk stream broke its rules
	CauseSlow       Cause = "slow-player"  // the client could not keep up
	CauseOperator   Cause = "operator"     // the operator ended it, or has blocked the address
)

// Stage is what was refused.
type Stage string

// Stages.
const (
	StageAccept     Stage = "accept" // before the first command
	StageConnect    Stage = "connect"
	StagePublish    Stage = "publish"
	StagePlay       Stage = "play"
	StageCall       Stage = "call"
	StageShare      Stage = "share"      // of a shared object
	StageConnection Stage = "connection" // an accepted connection was ended
)

// Refusal is one refusal: the wire, the log and everything that counts or shows refusals read
// this one value. It is an error: a handler may return one to choose the cause and the rule;
// the rest is filled in by the server.
//
// One with CauseChallenge refuses nobody: it is how an encoder that logs in is asked who it is. It is
// logged as information ("challenged"), and neither counted nor handed to Server.OnRefusal, but to OnChallenge.
type Refusal struct {
	Time     time.Time
	Stage    Stage
	Cause    Cause
	Rule     string         // which rule or limit fired, "" when the cause says it all
	Status   *status.Status // what the client was told; nil when nothing could be said
	XStatus  int            // x-status of the Flash Media Server access log
	Session  string         // Client.ID
	Peer     net.Addr
	Local    net.Addr // our address; nil when it was refused before the handshake or outside RTMP
	App      string
	Instance string
	Stream   string // redacted
	FlashVer string
	BytesIn  uint64 // what the client had sent when it was refused
	Err      error  // the inner reason, never sent to the client

	stream string // the name that Stream shortens
}

// Told is the description that the client was sent, with the stream's name shortened as in
// Stream: names are keys for many, and must not stand in logs and on pages.
func (r *Refusal) Told() string {
	if r.Status == nil {
		return ""
	}
	return r.hide(r.Status.Description)
}

// StreamName is the whole name that Stream shortens, "" when there is none. It is a key for many: keep it out of logs.
func (r *Refusal) StreamName() string { return r.stream }

// hide shortens the stream's name in a text. Three letters are no secret, and may be part of a word.
func (r *Refusal) hide(text string) string {
	if len(r.stream) <= 3 {
		return text
	}
	return strings.ReplaceAll(text, r.stream, r.Stream)
}

func (r *Refusal) Error() string {
	msg := fmt.Sprintf("%s refused: %s", r.Stage, r.Cause)
	if r.Rule != "" {
		msg += " (" + r.Rule + ")"
	}
	if r.Status != nil {
		msg += ": " + r.Status.Error()
	}
	if r.Err != nil {
		msg += ": " + r.Err.Error()
	}
	return msg
}

// Unwrap gives the status and the inner reason.
func (r *Refusal) Unwrap() []error {
	var errs []error
	if r.Status != nil {
		errs = append(errs, r.Status)
	}
	if r.Err != nil {
		errs = append(errs, r.Err)
	}
	return errs
}

// LogValue implements slog.LogValuer.
func (r *Refusal) LogValue() slog.Value {
	attrs := []slog.Attr{
		slog.String("stage", string(r.Stage)), slog.String("cause", string(r.Cause)), slog.Int("x_status", r.XStatus),
	}
	if r.Rule != "" {
		attrs = append(attrs, slog.String("rule", r.Rule))
	}
	if r.Status != nil {
		attrs = append(attrs, slog.String("code", string(r.Status.Code)), slog.String("description", r.Told()))
	}
	if r.App != "" {
		attrs = append(attrs, slog.String("app", r.App))
	}
	if r.Stream != "" {
		attrs = append(attrs, slog.String("stream", r.Stream))
	}
	if r.Err != nil {
		attrs = append(attrs, slog.String("error", r.hide(r.Err.Error())))
	}
	return slog.GroupValue(attrs...)
}

// xStatus is the number that the access log of Flash Media Server has for a refusal.
func xStatus(stage Stage, cause Cause) int {
	switch cause {
	case CauseRedirect, CauseShutdown:
		return 302
	case CauseMalformed, CauseEncoding, CauseBadName, CauseForeign, CauseProtocol:
		return 400
	case CauseChallenge:
		return 100
	case CauseHandler, CauseNoAbility, CauseHook:
		return 401
	case CausePolicy, CauseOperator:
		return 403
	case CauseUnknownApp, CauseNotFound:
		return 404
	case CauseTimeout, CauseSlow, CauseHookLate:
		return 408
	case CauseBusyName, CauseLimit:
		return 409
	case CauseIdle:
		return 432
	case CauseHookDown:
		return 503
	}
	return 500
}

// Code is what a client is told whose stage is refused for a cause, chosen by what clients act on: OBS stops
// and shows the text for Publish.Denied, Publish.BadName and Play.Failed, GStreamer knows the first two and
// Connect.Rejected, and FFmpeg prints the text of every error. A handler may choose another.
func Code(stage Stage, cause Cause) status.Code {
	switch stage {
	case StagePublish:
		if cause == CauseBusyName || cause == CauseBadName {
			return status.PublishBadName
		}
		return status.PublishDenied
	case StagePlay:
		if cause == CauseNotFound {
			return status.PlayStreamNotFound
		}
		return status.PlayFailed
	case StageCall:
		switch cause {
		case CauseEncoding:
			return status.CallBadVersion
		case CausePolicy, CauseHandler, CauseHook, CauseHookLate, CauseHookDown:
			return status.CallProhibited
		}
		return status.CallFailed
	case StageShare:
		switch cause {
		case CauseBadName, CauseLimit, CauseFailed, CauseShutdown:
			return status.SharedObjectObjectCreationFailed
		}
		return status.SharedObjectNoReadAccess
	case StageConnection:
		return status.ConnectClosed
	}
	switch cause {
	case CauseEncoding:
		return status.CallBadVersion // as captured
	case CauseBadName:
		return status.ConnectInvalidApp
	case CauseFailed, CauseTimeout, CauseMalformed, CauseIdle, CauseProtocol:
		return status.ConnectFailed
	case CauseShutdown:
		return status.ConnectAppShutdown
	}
	return status.ConnectRejected
}

// refusalOf turns a handler's error into a refusal. fallback is the status for errors that are
// no status.
func refusalOf(stage Stage, err error, fallback *status.Status) *Refusal {
	var r *Refusal
	if errors.As(err, &r) {
		cp := *r
		cp.Stage = stage
		if cp.Status == nil {
			cp.Status = fallback
		}
		return &cp
	}
	r = &Refusal{Stage: stage, Status: fallback, Err: err}
	var limit *rtmp.LimitError
	switch s, ok := status.Of(err); {
	case ok:
		r.Cause, r.Status = CauseHandler, s
		if isRedirect(s) {
			r.Cause = CauseRedirect
		}
	case errors.As(err, &limit):
		r.Cause, r.Rule = CauseLimit, limit.Option
		r.Status = status.New(fallback.Code, overLimit(limit))
	case errors.Is(err, context.DeadlineExceeded):
		r.Cause = CauseTimeout
	default:
		r.Cause = CauseFailed
	}
	return r
}

func isRedirect(s *status.Status) bool {
	for _, p := range s.Extra {
		if p.Key == "ex" {
			return true
		}
	}
	return false
}

// overLimit is the description of a refusal by a limit, in the form of Flash Media Server.
func overLimit(l *rtmp.LimitError) string {
	advice := "try again later"
	if l.Option == "property_bytes" {
		advice = "use a shorter address"
	}
	return fmt.Sprintf("[ Resource.Limit.Exceeded ] : The limit %s (%v) is reached: %s, or ask the operator to raise it.", l.Option, l.Max, advice)
}

// sentTooMuch is the description for a client that is ended because of what it sent.
func sentTooMuch(option string) string {
	advice := "use another program, or a newer version of this one"
	switch option {
	case "message_bytes", "media_rate", "reassembly_bytes":
		advice = "lower the bit rate or the frame rate in your encoder"
	}
	return fmt.Sprintf("[ Resource.Limit.Exceeded ] : The limit %s is exceeded: %s, or ask the operator to raise it.", option, advice)
}

// causeOf classifies what ended a connection's reading side. ok is false when the peer simply
// went away.
func causeOf(err error) (cause Cause, rule string, ok bool) {
	var limit *rtmp.LimitError
	if errors.As(err, &limit) {
		if limit.Option == rtmp.OptionWriteTimeout {
			return CauseSlow, limit.Option, true
		}
		return CauseLimit, limit.Option, true
	}
	var cl *chunk.LimitError
	if errors.As(err, &cl) {
		return CauseLimit, cl.Limit, true
	}
	var late *rtmp.TimeoutError
	if errors.As(err, &late) {
		return CauseIdle, late.Option, true
	}
	var protocol *chunk.ProtocolError
	if errors.As(err, &protocol) {
		return CauseProtocol, "", true
	}
	return "", "", false
}

// RefusalCounts are a server's counters of refusals.
type RefusalCounts struct {
	Total   uint64
	ByCause map[Cause]uint64
	// ByLimit counts by the option name of the limit that was exceeded, messages that were
	// left out because of one included: those end no connection and are not in Total.
	ByLimit map[string]uint64
}

// countsRule tells whether Rule, if there is one, is the name of an option.
func (r *Refusal) countsRule() bool {
	return r.Cause == CauseEncoding || r.Cause == CauseLimit || r.Cause == CauseIdle || r.Cause == CauseSlow
}

// counters are safe for concurrent use. Causes and option names are few: a peer cannot add any.
type counters struct {
	mu sync.Mutex
	n  RefusalCounts
}

func (c *counters) add(r *Refusal) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.n.Total++
	if c.n.ByCause == nil {
		c.n.ByCause = make(map[Cause]uint64)
	}
	c.n.ByCause[r.Cause]++
	if r.Rule != "" && r.countsRule() {
		c.limit(r.Rule)
	}
}

// limit counts one use of a limit and returns how many there were. mu must be held.
func (c *counters) limit(option string) uint64 {
	if c.n.ByLimit == nil {
		c.n.ByLimit = make(map[string]uint64)
	}
	c.n.ByLimit[option]++
	return c.n.ByLimit[option]
}

func (c *counters) leftOut(option string) uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.limit(option)
}

func (c *counters) snapshot() RefusalCounts {
	c.mu.Lock()
	defer c.mu.Unlock()
	return RefusalCounts{Total: c.n.Total, ByCause: maps.Clone(c.n.ByCause), ByLimit: maps.Clone(c.n.ByLimit)}
}
