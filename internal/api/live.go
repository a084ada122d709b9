package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"penstock/internal/journal"
	"penstock/internal/operator"
)

// heartbeat is how often a stream of refusals shows that it lives.
const heartbeat = 15 * time.Second

// eventTimeout is how long one event may take to be sent.
const eventTimeout = 10 * time.Second

type liveInput struct {
	Choice
	LastEventID string `header:"Last-Event-ID" maxLength:"20" doc:"The last id that was received: what came after it comes first, as far as memory has it."`
}

// live registers the stream of refusals.
func (h *handler) live() {
	op := h.operation(http.MethodGet, "/refusals/stream", operator.Viewer, "Refusals as they happen",
		"Server-Sent Events: refusal, whose data is an entry, and heartbeat. An entry comes again under the same id when it has "+
			"changed: more refusals share it, or its connection has ended. A subscriber that does not keep up is cut off.")
	op.Errors = append(op.Errors, http.StatusServiceUnavailable)
	op.Responses = map[string]*huma.Response{"200": {Description: "Events without end.", Content: map[string]*huma.MediaType{
		"text/event-stream": {Schema: &huma.Schema{Type: huma.TypeString, Description: "data of the event refusal is a Refusal as JSON."}},
	}}}
	huma.Register(h.api, op, h.streamRefusals)
}

func (h *handler) streamRefusals(ctx context.Context, in *liveInput) (*huma.StreamResponse, error) {
	f, err := in.filter()
	if err != nil {
		return nil, err
	}
	var last int64
	if in.LastEventID != "" {
		if last, err = strconv.ParseInt(in.LastEventID, 10, 64); err != nil {
			return nil, invalid("header.Last-Event-ID", in.LastEventID, errors.New("is not the id of an event"))
		}
	}
	sub, err := h.o.Journal.Subscribe(f, last)
	switch {
	case errors.Is(err, journal.ErrTooManySubscribers):
		return nil, huma.Error503ServiceUnavailable(fmt.Sprintf("%d others are listening, which is the most.", journal.MaxSubscribers))
	case err != nil:
		return nil, huma.Error503ServiceUnavailable("The server is stopping.")
	}
	return &huma.StreamResponse{Body: func(c huma.Context) {
		defer sub.Close()
		_, w := humago.Unwrap(c)
		sendEvents(ctx, w, sub)
	}}, nil
}

// sendEvents sends what comes until the client, the subscription or ctx ends.
func sendEvents(ctx context.Context, w http.ResponseWriter, sub *journal.Subscription) {
	w.Header().Set("Content-Type", "text/event-stream")
	control := http.NewResponseController(w)
	send := func(format string, args ...any) bool {
		_ = control.SetWriteDeadline(time.Now().Add(eventTimeout))
		_, err := fmt.Fprintf(w, format, args...)
		return err == nil && control.Flush() == nil
	}
	beat := func(now time.Time) bool {
		return send("event: heartbeat\ndata: {\"time\":%q}\n\n", now.UTC().Format(time.RFC3339))
	}
	tick := time.NewTicker(heartbeat)
	defer tick.Stop()
	for ok := beat(time.Now()); ok; {
		select {
		case r, more := <-sub.C():
			if !more {
				_, _ = io.WriteString(w, "retry: 1000\n\n")
				return
			}
			body, err := json.Marshal(newRefusal(&r))
			ok = err == nil && send("id: %d\nevent: refusal\ndata: %s\n\n", r.ID, body)
		case now := <-tick.C:
			ok = beat(now)
		case <-ctx.Done():
			return
		}
	}
}
