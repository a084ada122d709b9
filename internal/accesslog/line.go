package accesslog

import (
	"errors"
	"net"
	"strconv"
	"strings"
	"time"

	"penstock/app"
)

// fields are the columns, named as Flash Media Server names them. Columns that a line has nothing for have "-".
var fields = []string{
	"date", "time", "x-event", "x-category", "x-status", "x-sid", "c-ip", "s-ip", "x-app", "x-appinst", "x-sname", "x-file-name",
	"c-user-agent", "cs-bytes", "sc-bytes", "cs-stream-bytes", "sc-stream-bytes", "x-duration", "x-comment",
}

// line is one line to be: values by column.
type line map[string]string

// newLine begins a line.
func newLine(at time.Time, event, category string, status int) line {
	at = at.UTC() // as the format demands
	return line{"date": at.Format(time.DateOnly), "time": at.Format(time.TimeOnly), "x-event": event, "x-category": category,
		"x-status": strconv.Itoa(status)}
}

// text is the line as it is written, "\n" included.
func (l line) text() []byte {
	var b []byte
	for i, name := range fields {
		if i > 0 {
			b = append(b, '\t')
		}
		b = appendField(b, l[name])
	}
	return append(b, '\n')
}

// longest is how much of a value is written, in bytes before escaping.
const longest = 512

// unsafe are the printable characters that Flash Media Server escapes too; '-' alone stands for nothing.
const unsafe = " <>\"#%{}|^~[]`"

// appendField escapes, as %XX, whatever could end a field or a line or not be seen.
func appendField(b []byte, s string) []byte {
	switch s {
	case "":
		return append(b, '-')
	case "-":
		return append(b, "%2D"...)
	}
	const hex = "0123456789ABCDEF"
	for i := range min(len(s), longest) {
		if c := s[i]; c < ' ' || c > '~' || strings.IndexByte(unsafe, c) >= 0 {
			b = append(b, '%', hex[c>>4], hex[c&15])
		} else {
			b = append(b, c)
		}
	}
	return b
}

func host(a net.Addr) string {
	if a == nil {
		return ""
	}
	if h, _, err := net.SplitHostPort(a.String()); err == nil {
		return strings.TrimPrefix(h, "::ffff:")
	}
	return a.String()
}

func number(n uint64) string { return strconv.FormatUint(n, 10) }

func seconds(d time.Duration) string { return strconv.FormatInt(int64(max(0, d)/time.Second), 10) }

// of fills in who the client is.
func (l line) of(c *app.Client) line {
	l["x-sid"], l["c-ip"], l["s-ip"], l["x-app"], l["x-appinst"] = c.ID, host(c.Addr), host(c.LocalAddr()), c.App, c.Instance
	l["c-user-agent"], l["cs-bytes"], l["sc-bytes"] = c.FlashVer, number(c.BytesRead()), number(c.BytesWritten())
	return l
}

// Refusal writes a line for what was refused; that of a connection that is ended comes with its disconnect.
func (l *Log) Refusal(r *app.Refusal) {
	event, category := string(r.Stage), "session"
	switch r.Stage {
	case app.StageConnection:
		return
	case app.StageAccept:
		event = "connect"
	case app.StagePublish, app.StagePlay:
		category = "stream"
	}
	if r.Cause == app.CauseChallenge {
		event = "connect-pending"
	}
	v := newLine(r.Time, event, category, r.XStatus)
	v["x-sid"], v["c-ip"], v["s-ip"], v["x-app"], v["x-appinst"] = r.Session, host(r.Peer), host(r.Local), r.App, r.Instance
	v["x-sname"], v["c-user-agent"], v["x-comment"] = l.name(r.StreamName(), r.Stream), r.FlashVer, comment(r)
	if r.Session != "" {
		v["cs-bytes"] = number(r.BytesIn)
	}
	l.write(v.text())
}

func comment(r *app.Refusal) string {
	if r.Rule == "" {
		return string(r.Cause)
	}
	return string(r.Cause) + ":" + r.Rule
}

// name is what stands for a stream's name.
func (l *Log) name(whole, short string) string {
	if l.o.StreamNames && whole != "" {
		return whole
	}
	return short
}

// Session writes connect and disconnect.
func (l *Log) Session(c *app.Client, ended bool, reason error) {
	if !ended {
		l.write(newLine(time.Now(), "connect", "session", 200).of(c).text())
		return
	}
	status, why := 200, ""
	var r *app.Refusal
	if errors.As(reason, &r) {
		status, why = r.XStatus, comment(r)
	}
	v := newLine(time.Now(), "disconnect", "session", status).of(c)
	v["x-duration"], v["x-comment"] = seconds(time.Since(c.Since)), why
	l.write(v.text())
}

// Stream writes publish, unpublish, play and stop.
func (l *Log) Stream(c *app.Client, e app.StreamEvent) {
	if e.Kind == app.StreamFirst {
		return
	}
	v := newLine(time.Now(), string(e.Kind), "stream", 200).of(c)
	v["x-sname"] = l.name(e.Name, app.Redact(e.Name))
	switch e.Kind {
	case app.StreamUnpublish:
		v["x-duration"], v["cs-stream-bytes"] = seconds(e.Took), number(e.Bytes)
	case app.StreamStop:
		v["x-duration"], v["sc-stream-bytes"] = seconds(e.Took), number(e.Bytes)
	}
	l.write(v.text())
}
