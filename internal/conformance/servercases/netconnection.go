package servercases

import (
	"context"
	"fmt"

	"penstock/internal/conformance/judge"
	"penstock/internal/conformance/wire"
)

// netConnection begins with the nine information objects of RTMPy's table, in its order.
func netConnection() []judge.Case {
	return section("netconnection", "NetConnection", []judge.Case{
		{Case: about("connect-success", "NetConnection.Connect.Success", required, "connect is accepted",
			"A connect that is accepted is answered by _result with transaction ID 1 and an information object of level status and code NetConnection.Connect.Success.",
			"RTMP 1.0 §7.2.1.1; "+fmsCapture), Run: connectSuccess},
		{Case: about("connect-rejected", "NetConnection.Connect.Rejected", required, "connect is refused",
			"A client that may not connect, or asks for an application that does not exist, is answered by _error with transaction ID 1, level error and code NetConnection.Connect.Rejected.",
			"RTMP 1.0 §7.2.1.1; FMS capture in the Gnash test suite"), Run: connectRejected},
		{Case: about("connect-invalidapp", "NetConnection.Connect.InvalidApp", recommended, "the application's name is no name",
			"A connect whose application name cannot be a name (here \"..\") is answered by _error, level error, code NetConnection.Connect.InvalidApp.",
			asReference+"; RTMPy wiki (FMS itself sends Rejected)"), Run: connectInvalidApp},
		{Case: about("connect-appshutdown", "NetConnection.Connect.AppShutdown", recommended, "the application is being unloaded",
			"When the application or the server stops, connected clients are told by onStatus, level error, code NetConnection.Connect.AppShutdown, before the connection ends with FIN.",
			asReference+"; RTMPy wiki"), Run: appShutdown, Once: true, Last: true},
		{Case: about("connect-closed", "NetConnection.Connect.Closed", recommended, "the server ends a healthy connection",
			"A client whose connection the server ends is sent close, or onStatus of level status and code NetConnection.Connect.Closed, before FIN.",
			fmsCapture+" (close); RTMPy wiki"), Run: connectClosed},
		{Case: about("connect-failed", "NetConnection.Connect.Failed", optional, "connect fails in the server",
			"A connect that fails in the application's own code, or whose object is missing, is answered by _error, level error, code NetConnection.Connect.Failed.",
			"RTMPy wiki; Flash Player makes this object itself when nothing answers"), Run: connectFailed, Alone: true},
		{Case: about("call-failed", "NetConnection.Call.Failed", required, "the method does not exist",
			"A call of a method that does not exist is answered by _error with the call's transaction ID, level error and code NetConnection.Call.Failed.",
			"RTMP 1.0 §7.1.1, §7.2.1.2; FMS log"), Run: callFailed},
		{Case: about("call-badversion", "NetConnection.Call.BadVersion", optional, "the command cannot be decoded",
			"A command whose arguments are no AMF is answered by NetConnection.Call.BadVersion, level error, and the connection lives on.",
			asReference+" (in Flash only the client made this object)"), Run: callBadVersion},
		{Case: about("call-prohibited", "NetConnection.Call.Prohibited", optional, "the method is not for this client",
			"A call of a method that exists but is not for this client is answered by _error, level error, code NetConnection.Call.Prohibited.",
			asReference+" (in Flash only the client made this object)"), Run: callProhibited},

		{Case: about("connect-properties", "", recommended, "the properties of Success",
			"The _result of connect has an object with fmsVer and capabilities before the information object, which has a description.",
			fmsCapture), Run: connectProperties},
		{Case: about("connect-rejected-end", "", required, "a refusal ends with FIN",
			"The server ends the connection after the _error of connect with FIN: a reset can take the words with it before they are read.",
			fmsCapture), Run: rejectedEnd},
		{Case: about("connect-rejected-close", "", recommended, "a refusal is followed by close",
			"The _error of connect is followed by the command close.", fmsCapture), Run: rejectedClose},
		{Case: about("connect-rejected-words", "", recommended, "a refusal says why",
			"The information object of a refused connect has a description that is not empty.",
			fmsCapture+"; FFmpeg prints only the description"), Run: rejectedWords},
		{Case: about("connect-redirect", "NetConnection.Connect.Rejected", optional, "a client is sent elsewhere",
			"A redirect is a rejection whose information object has ex, an object with the number code 302 and the text redirect.",
			"Server-Side ActionScript reference, application.redirectConnection"), Run: connectRedirect},
		{Case: about("connect-twice", "", optional, "connect comes again",
			"A second connect on a connection is answered by _error, and the connection lives on or ends with FIN.",
			"RTMP 1.0 §7.2.1.1"), Run: connectTwice},
		{Case: about("field-order", "", required, "level, code, description",
			"Information objects have level, code and description in this order.",
			"RTMPy: Flash Player reads them in this order only; "+fmsCapture), Run: fieldOrder},
	})
}

// unknownApp is an application that no server has.
const unknownApp = "penstock-check-no-such-application"

// wantInfo checks a refusal: _error of transaction 1, code and level.
func wantInfo(h *judge.Heard, command, code, level string) error {
	want := fmt.Sprintf("%s 1, level %s, code %s", command, level, code)
	if h.Cmd.Name != command || h.Cmd.Transaction != 1 || h.Cmd.Code() != code {
		return judge.Differs(want, wire.Describe(h.Message))
	}
	return h.Level(level)
}

func connectSuccess(t *judge.Trial) error {
	c, err := t.Open("")
	if err != nil {
		return err
	}
	h, err := c.Connect(t.ConnectObject(t.App))
	if err != nil {
		return err
	}
	return wantInfo(h, "_result", "NetConnection.Connect.Success", "status")
}

func connectProperties(t *judge.Trial) error {
	c, err := t.Join("")
	if err != nil {
		return err
	}
	_, caps := c.Properties.Number("capabilities")
	if c.Properties.Text("fmsVer") == "" || !caps {
		return judge.Differs("an object with fmsVer and capabilities", judge.Keys(c.Properties))
	}
	if c.Info.Text("description") == "" {
		return judge.Differs("a description", judge.Keys(c.Info))
	}
	return nil
}

// refuse connects to an application that refuses, and returns the refusal.
func refuse(t *judge.Trial) (*judge.Conn, *judge.Heard, error) {
	app := t.RejectingApp
	if app == "" {
		app = unknownApp
	}
	c, err := t.Open("")
	if err != nil {
		return nil, nil, err
	}
	h, err := c.Connect(t.ConnectObject(app))
	if err != nil {
		for _, h := range c.All() {
			if h.IsStatus("NetConnection.") {
				return c, nil, judge.Differs("_error", wire.Describe(h.Message))
			}
		}
		return c, nil, err
	}
	if h.Cmd.Name == "_error" {
		return c, h, nil
	}
	if t.RejectingApp == "" {
		return c, nil, judge.Needs("an application that refuses its clients (--rejecting-app NAME): the server accepted one that it cannot have")
	}
	return c, nil, judge.Differs("_error", wire.Describe(h.Message))
}

// refusedInWords is refuse for cases about the words: where there are none, they have nothing to judge.
func refusedInWords(t *judge.Trial) (*judge.Conn, *judge.Heard, error) {
	c, h, err := refuse(t)
	if f, ok := err.(*judge.Finding); ok && f.Needs == "" {
		err = judge.Needs("a server that answers a connect that it refuses")
	}
	return c, h, err
}

func connectRejected(t *judge.Trial) error {
	_, h, err := refuse(t)
	if err != nil {
		return err
	}
	return wantInfo(h, "_error", "NetConnection.Connect.Rejected", "error")
}

func rejectedEnd(t *judge.Trial) error {
	c, _, err := refusedInWords(t)
	if err != nil {
		return err
	}
	return wantFIN(t, c)
}

func rejectedClose(t *judge.Trial) error {
	c, _, err := refusedInWords(t)
	if err != nil {
		return err
	}
	_, err = c.Await("close", func(h *judge.Heard) bool { return h.Named("close") })
	return err
}

func rejectedWords(t *judge.Trial) error {
	_, h, err := refusedInWords(t)
	if err != nil {
		return err
	}
	if h.Cmd.Info().Text("description") == "" {
		return judge.Differs("a description", wire.Describe(h.Message))
	}
	return nil
}

func connectRedirect(t *judge.Trial) error {
	if t.RedirectingApp == "" {
		return judge.Needs("an application that sends its clients elsewhere (--redirecting-app NAME)")
	}
	c, err := t.Open("")
	if err != nil {
		return err
	}
	h, err := c.Connect(t.ConnectObject(t.RedirectingApp))
	if err != nil {
		return err
	}
	if err := wantInfo(h, "_error", "NetConnection.Connect.Rejected", "error"); err != nil {
		return err
	}
	v, _ := h.Cmd.Info().Get("ex")
	ex, _ := v.(*wire.Object)
	if n, ok := ex.Number("code"); !ok || n != 302 || ex.Text("redirect") == "" {
		return judge.Differs("ex with code 302 and redirect", wire.Describe(h.Message))
	}
	return nil
}

func connectInvalidApp(t *judge.Trial) error {
	c, err := t.Open("")
	if err != nil {
		return err
	}
	h, err := c.Connect(t.ConnectObject(".."))
	if err != nil {
		return err
	}
	return wantInfo(h, "_error", "NetConnection.Connect.InvalidApp", "error")
}

func appShutdown(t *judge.Trial) error {
	if t.Control.Unload == nil && t.Control.Stop == nil {
		return judge.Needs("a way to stop the application or the server (--api URL of Penstock, or --stop-command CMD)")
	}
	c, err := t.Join("")
	if err != nil {
		return err
	}
	stop := t.Control.Stop
	if t.Control.Unload != nil {
		stop = func(ctx context.Context) error { return t.Control.Unload(ctx, t.App) }
		if t.Control.Load != nil {
			defer func() { _ = t.Control.Load(context.WithoutCancel(t.Ctx), t.App) }()
		}
	}
	c.Raw.Note("the operator stops the application")
	if err := stop(t.Ctx); err != nil {
		return judge.Needs("a way to stop the application that works: " + err.Error())
	}
	h, err := c.Status("NetConnection.Connect.AppShutdown", "NetConnection.")
	if err != nil {
		return err
	}
	if err := h.Level("error"); err != nil {
		return err
	}
	return wantFIN(t, c)
}

func connectClosed(t *judge.Trial) error {
	if t.Control.Close == nil {
		return judge.Needs("a way to end one connection (--api URL of Penstock, or --close-command CMD)")
	}
	c, err := t.Join("")
	if err != nil {
		return err
	}
	name := t.Stream("")
	if _, err := c.StartPublish(name); err != nil {
		return err
	}
	victim := judge.Victim{App: t.App, Stream: name, Peer: c.Raw.LocalAddr().String()}
	for _, h := range c.All() {
		if h.IsStatus() {
			victim.ClientID = h.Cmd.Info().Text("clientid")
		}
	}
	c.Raw.Note("the operator ends this connection")
	if err := t.Control.Close(t.Ctx, victim); err != nil {
		return judge.Needs("a way to end one connection that works: " + err.Error())
	}
	h, err := c.Await("close, or onStatus NetConnection.Connect.Closed", func(h *judge.Heard) bool {
		return h.Named("close") || h.IsStatus("NetConnection.")
	})
	if err != nil {
		if c.End() == "FIN" {
			return judge.Differs("close, or onStatus NetConnection.Connect.Closed, before FIN",
				"FIN alone: of it Flash Player makes NetConnection.Connect.Closed by itself, other clients are told nothing")
		}
		return err
	}
	if !h.Named("close") {
		if h.Cmd.Code() != "NetConnection.Connect.Closed" {
			return judge.Differs("onStatus NetConnection.Connect.Closed", wire.Describe(h.Message))
		}
		if err := h.Level("status"); err != nil {
			return err
		}
	}
	return wantFIN(t, c)
}

func connectFailed(t *judge.Trial) error {
	c, err := t.Open("")
	if err != nil {
		return err
	}
	var object any // none: connect makes no sense without one
	if t.FailingApp != "" {
		object = t.ConnectObject(t.FailingApp)
	}
	h, err := c.Connect(object)
	if err == nil {
		err = wantInfo(h, "_error", "NetConnection.Connect.Failed", "error")
	}
	if err != nil && t.FailingApp == "" {
		return judge.Needs("an application that fails when a client connects (--failing-app NAME): the server takes a connect without an object otherwise (" + err.Error() + ")")
	}
	return err
}

func callFailed(t *judge.Trial) error {
	c, err := t.Join("")
	if err != nil {
		return err
	}
	h, err := c.Ask("penstockCheckNoSuchMethod", 1, "x")
	if err != nil {
		return err
	}
	return wantCallError(h, "NetConnection.Call.Failed")
}

func wantCallError(h *judge.Heard, code string) error {
	if h.Cmd.Name != "_error" || h.Cmd.Code() != code {
		return judge.Differs("_error "+code, wire.Describe(h.Message))
	}
	return h.Level("error")
}

func callBadVersion(t *judge.Trial) error {
	c, err := t.Join("")
	if err != nil {
		return err
	}
	txn := c.NextTransaction()
	m := wire.CommandMessage(c.Encoding == 3, 0, &wire.Command{Name: "penstockCheck", Transaction: txn})
	m.Payload = append(m.Payload, 0x0E, 0xFF) // a marker that AMF0 reserves
	if err := c.Send(m); err != nil {
		return err
	}
	h, err := c.Await("NetConnection.Call.BadVersion", func(h *judge.Heard) bool { return h.Answers(txn) || h.IsStatus("NetConnection.") })
	if err != nil {
		return err
	}
	if h.Cmd.Code() != "NetConnection.Call.BadVersion" {
		return judge.Differs("NetConnection.Call.BadVersion", wire.Describe(h.Message))
	}
	if err := h.Level("error"); err != nil {
		return err
	}
	return c.Barrier()
}

func callProhibited(t *judge.Trial) error {
	if t.ProhibitedMethod == "" {
		return judge.Needs("a method that exists and is not for this client (--prohibited-method NAME, with --prohibited-app APP)")
	}
	c, err := t.Open("")
	if err != nil {
		return err
	}
	app := t.ProhibitedApp
	if app == "" {
		app = methodApp(t)
	}
	if err := c.JoinApp(app); err != nil {
		return err
	}
	h, err := c.Ask(t.ProhibitedMethod)
	if err != nil {
		return err
	}
	return wantCallError(h, "NetConnection.Call.Prohibited")
}

func methodApp(t *judge.Trial) string {
	if t.MethodApp != "" {
		return t.MethodApp
	}
	return t.App
}

func connectTwice(t *judge.Trial) error {
	c, err := t.Join("")
	if err != nil {
		return err
	}
	h, err := c.Connect(t.ConnectObject(t.App))
	if err != nil {
		return err
	}
	if h.Cmd.Name != "_error" {
		return judge.Differs("_error", wire.Describe(h.Message))
	}
	return nil
}

func fieldOrder(t *judge.Trial) error {
	c, err := t.Join("")
	if err != nil {
		return err
	}
	if _, err := c.StartPublish(t.Stream("")); err != nil {
		return err
	}
	for _, h := range c.All() {
		if !h.IsCommand() || h.Cmd == nil {
			continue
		}
		info := h.Cmd.Info()
		if _, has := info.Get("level"); has && (len(info.Props) < 3 || info.Props[0].Key != "level" || info.Props[1].Key != "code" || info.Props[2].Key != "description") {
			return judge.Differs("level, code, description", judge.Keys(info)+" in "+h.Cmd.Name)
		}
	}
	return nil
}
