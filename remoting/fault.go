package remoting

import (
	"strings"

	"penstock/amf"
	"penstock/status"
)

func result(call Body, v amf.Value) Body {
	return Body{Target: call.Response + "/onResult", Response: "null", Value: v}
}

// deny is the fault of a call that the gateway itself refuses; those of applications have been recorded by them.
func (b *batch) deny(call Body, s *status.Status, details string) Body {
	b.h.refused(b.r, b.app, call.Target, s)
	return fault(call, s, details)
}

// fault is the answer to a call that went wrong: what an information object has, and what callers of PyAMF and Red5 look for.
func fault(call Body, s *status.Status, details string) Body {
	o := s.Object()
	o.Set("type", string(s.Code))
	o.Set("details", details)
	return Body{Target: call.Response + "/onStatus", Response: "null", Value: o}
}

// reason is what the caller is told when a server or an application refused a call, or a connection to call on.
func reason(err error) (s *status.Status, details string) {
	s, ok := status.Of(err)
	if !ok {
		s = status.New(status.CallFailed, "The call failed.")
	}
	switch s.Code {
	case status.CallFailed, status.CallBadVersion, status.CallProhibited:
		return s, ""
	case status.ConnectRejected:
		if !strings.Contains(s.Description, "is not defined.") {
			return status.New(status.CallProhibited, s.Description), string(s.Code)
		}
	}
	if strings.HasPrefix(string(s.Code), "NetConnection.Connect.") {
		return status.New(status.CallFailed, s.Description), string(s.Code)
	}
	return s, "" // a code of the application's own
}
