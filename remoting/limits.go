package remoting

import (
	"fmt"
	"time"

	"penstock/amf"
)

// Limits bounds one request. Zero values take the defaults behind them.
type Limits struct {
	Bytes     int           // [remoting_bytes] the request's body; likewise the headers of an answer (1 MiB)
	Headers   int           // [remoting_headers] headers of a packet, and of an answer (16)
	Calls     int           // [remoting_calls] calls of a packet (32)
	NameBytes int           // [remoting_name_bytes] length of a target, a response or a header's name (255)
	Requests  int           // [remoting_requests] requests that are being served at once (64)
	Timeout   time.Duration // [remoting_timeout] for a whole request (30 s)
	// [remoting_sessions] connections that are kept from one request to the next, of all callers (256; negative: none)
	Sessions    int
	SessionIdle time.Duration // [remoting_session_idle] time without a request that ends a session (5 min)
	AMF         amf.Limits    // of each header and call
}

func (l Limits) withDefaults() Limits {
	set := func(v *int, d int) {
		if *v <= 0 {
			*v = d
		}
	}
	set(&l.Bytes, 1<<20)
	set(&l.Headers, 16)
	set(&l.Calls, 32)
	set(&l.NameBytes, 255)
	set(&l.Requests, 64)
	if l.Sessions == 0 {
		l.Sessions = 256
	}
	if l.SessionIdle <= 0 {
		l.SessionIdle = 5 * time.Minute
	}
	if l.Timeout <= 0 {
		l.Timeout = 30 * time.Second
	}
	return l
}

// LimitError is a request over a limit.
type LimitError struct {
	Option     string
	Value, Max int
}

func (e *LimitError) Error() string {
	return fmt.Sprintf("the limit %s (%d) is reached", e.Option, e.Max)
}
