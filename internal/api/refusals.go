package api

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"penstock/app"
	"penstock/internal/explain"
	"penstock/internal/journal"
	"penstock/internal/operator"
)

// Refusal is one refusal, or several that share an entry.
type Refusal struct {
	ID      int64     `json:"id" doc:"Rises with time."`
	Time    time.Time `json:"time" doc:"When the first of them was."`
	Last    time.Time `json:"last" doc:"When the last of them was."`
	Count   int64     `json:"count" doc:"How many refusals this is: when more of one kind come from one network than refusals.repeats a minute, the rest share an entry. What follows is of the last of them."`
	Session string    `json:"session,omitempty" doc:"ID of the session, as in the log."`
	IP      string    `json:"ip,omitempty" doc:"Address of the client."`
	Peer    string    `json:"peer,omitempty" doc:"Address and port."`
	App     string    `json:"app,omitempty" doc:"Application, without instance."`
	Stream  string    `json:"stream,omitempty" doc:"Name of the stream, shortened because it may be a key, unless refusals.stream_names keeps it."`

	FlashVer string `json:"flashVer,omitempty" doc:"What the client calls itself: flashVer of connect, User-Agent over HTTP."`
	Software string `json:"software,omitempty" doc:"The program behind flashVer, in plain words."`

	Wanted string `json:"wanted" doc:"What the client wanted: completes \"It wanted …\"."`
	Why    string `json:"why" doc:"Why it was refused, in plain words: completes \"It was refused because …\"."`
	Advice string `json:"advice,omitempty" doc:"What can be done about it, in sentences."`

	Stage        string `json:"stage" doc:"What was refused." enum:"accept,connect,publish,play,call,share,connection"`
	Cause        string `json:"cause" doc:"Why, as a word for programs."`
	Rule         string `json:"rule,omitempty" doc:"The option, limit or rule that fired; of a call, the method."`
	Code         string `json:"code,omitempty" doc:"Code of the information object that the client was sent; absent when it could not be told."`
	Level        string `json:"level,omitempty" doc:"Level of the information object."`
	Description  string `json:"description,omitempty" doc:"The words that the client was sent."`
	XStatus      int    `json:"xStatus" doc:"x-status of Flash Media Server's access log."`
	BytesIn      uint64 `json:"bytesIn" doc:"Bytes that the client had sent."`
	Ending       string `json:"ending,omitempty" doc:"How the client took the end of its connection: acknowledged (it ended its side after ours), left (it ended first), lost (broken off, or no end came within close_linger). Absent while the connection is open, and where that is not known: before the handshake, over HTTP, of calls." enum:"acknowledged,left,lost"`
	Acknowledged *bool  `json:"acknowledged" doc:"Whether the client acknowledged the close; null while and where that is not known."`
}

func newRefusal(r *journal.Refusal) Refusal {
	v := Refusal{
		ID: r.ID, Time: r.Time.UTC(), Last: r.Last.UTC(), Count: r.Count, Session: r.Session, Peer: r.Peer, App: clean(r.App),
		Stream: clean(r.Stream), FlashVer: clean(r.FlashVer), Stage: string(r.Stage), Cause: string(r.Cause), Rule: clean(r.Rule),
		Code: clean(r.Code), Level: clean(r.Level), Description: clean(r.Description), XStatus: r.XStatus, BytesIn: r.BytesIn,
		Ending: string(r.Ending),
	}
	v.Why, v.Advice = explain.Words(r.Cause, r.Rule)
	v.Wanted = explain.Wanted(r.Stage, v.App, v.Stream)
	if r.IP.IsValid() {
		v.IP = r.IP.String()
	}
	if r.FlashVer != "" {
		v.Software = explain.Software(r.FlashVer)
	}
	if r.Ending != "" {
		acknowledged := r.Ending == app.EndingAcknowledged
		v.Acknowledged = &acknowledged
	}
	return v
}

// clean takes out what would not be seen or would reorder the text around it.
func clean(s string) string { return explain.Clean(s, 1024) }

// Choice is which refusals are wanted.
type Choice struct {
	IP      string `query:"ip" maxLength:"64" doc:"Address or network, such as 203.0.113.7 or 2001:db8::/32." example:"203.0.113.0/24"`
	App     string `query:"app" maxLength:"128" doc:"Application."`
	Stream  string `query:"stream" maxLength:"512" doc:"Name of the stream, whole or as it is shown."`
	Session string `query:"session" maxLength:"64" doc:"ID of the session."`
	Cause   string `query:"cause" maxLength:"64" doc:"Cause, such as busy-name."`
	Stage   string `query:"stage" enum:"accept,connect,publish,play,call,share,connection" doc:"What was refused."`
	Rule    string `query:"rule" maxLength:"128" doc:"Rule that fired."`
	Code    string `query:"code" maxLength:"128" doc:"Code that the client was sent."`
	Text    string `query:"q" maxLength:"256" doc:"Text within description, rule, stream, application, session, address or flashVer. Upper and lower case are the same."`
}

func (c *Choice) filter() (journal.Filter, error) {
	f := journal.Filter{App: c.App, Stream: c.Stream, Session: c.Session, Cause: app.Cause(c.Cause), Stage: app.Stage(c.Stage), Rule: c.Rule,
		Code: c.Code, Text: c.Text}
	if c.IP != "" {
		var err error
		if f.Network, err = parseNetwork(c.IP); err != nil {
			return f, invalid("query.ip", c.IP, err)
		}
	}
	return f, nil
}

func invalid(where string, value any, err error) error {
	return huma.Error422UnprocessableEntity("validation failed", &huma.ErrorDetail{Message: err.Error(), Location: where, Value: value})
}

type refusalsInput struct {
	Choice
	From   time.Time `query:"from" doc:"Only refusals at or after this time."`
	To     time.Time `query:"to" doc:"Only refusals before this time."`
	Limit  int       `query:"limit" minimum:"1" maximum:"500" default:"50" doc:"How many entries at the most."`
	Cursor string    `query:"cursor" maxLength:"20" doc:"next of the page before."`
}

type refusalsOutput struct {
	Body struct {
		Refusals []Refusal `json:"refusals" doc:"Newest first."`
		Next     string    `json:"next,omitempty" doc:"cursor of the next page; absent on the last."`
		Storage  string    `json:"storage" enum:"database,memory" doc:"memory: the database cannot be used, and this is only what memory has; the log says why."`
		Dropped  uint64    `json:"dropped" doc:"Entries since the start that were not kept because more came than could be written."`
	}
}

func (h *handler) refusals() {
	op := h.operation(http.MethodGet, "/refusals", operator.Viewer, "Who was refused, and why", "Newest first.")
	huma.Register(h.api, op, h.listRefusals)
	h.live()
}

func (h *handler) listRefusals(ctx context.Context, in *refusalsInput) (*refusalsOutput, error) {
	f, err := in.filter()
	if err != nil {
		return nil, err
	}
	f.From, f.To, f.Limit = in.From, in.To, in.Limit
	if in.Cursor != "" {
		if f.Before, err = strconv.ParseInt(in.Cursor, 10, 64); err != nil || f.Before <= 0 {
			return nil, huma.Error422UnprocessableEntity("validation failed",
				&huma.ErrorDetail{Message: "is not the next of a page", Location: "query.cursor", Value: in.Cursor})
		}
	}
	page, err := h.o.Journal.Find(ctx, f)
	if err != nil {
		return nil, huma.Error503ServiceUnavailable("The search was not finished.")
	}
	out := &refusalsOutput{}
	out.Body.Refusals = make([]Refusal, len(page.Refusals))
	for i := range page.Refusals {
		out.Body.Refusals[i] = newRefusal(&page.Refusals[i])
	}
	if page.Next != 0 {
		out.Body.Next = strconv.FormatInt(page.Next, 10)
	}
	out.Body.Dropped = h.o.Journal.Stats().Dropped
	if out.Body.Storage = "database"; page.Memory {
		out.Body.Storage = "memory"
	}
	return out, nil
}
