// Package conformance holds what a conformance run of an RTMP server or client says: cases, verdicts, and the conversation behind
// every verdict. How cases are run and how reports are shown is in the packages below this one; a report is the same data for
// both roles, and its JSON is the format of `penstock check --format json`.
package conformance

import "time"

// Verdict is what a run found out about one case, in the four grades of RTMPy's table of information objects.
type Verdict string

// Verdicts. A run never guesses: what it could not bring about is NotReproduced.
const (
	Works         Verdict = "works"
	Differs       Verdict = "differs"        // something came, but not what the requirement says
	Fails         Verdict = "fails"          // nothing came, or the connection broke
	NotReproduced Verdict = "not-reproduced" // the situation could not be brought about; Result.Needs says what it takes
)

// Severity is what a case that does not work means for the verdict on the whole.
type Severity string

// Severities. Only required cases decide the exit code.
const (
	Required    Severity = "required"
	Recommended Severity = "recommended"
	Optional    Severity = "optional"
)

// Role is who is judged.
type Role string

// Roles.
const (
	RoleServer Role = "server"
	RoleClient Role = "client"
)

// Case is one requirement.
type Case struct {
	ID          string   `json:"id"`             // stable, like netconnection/connect-rejected
	Section     string   `json:"section"`        // like NetConnection
	Code        string   `json:"code,omitempty"` // the information object's code where the case is about one
	Title       string   `json:"title"`
	Requirement string   `json:"requirement"` // one sentence
	Source      string   `json:"source"`      // document and section, or the capture that proves it
	Severity    Severity `json:"severity"`
}

// Result is what a run found out about one case.
type Result struct {
	Case
	Mode       string        `json:"mode,omitempty"` // such as "tcp amf0" when a case is run in several
	Verdict    Verdict       `json:"verdict"`
	Expected   string        `json:"expected,omitempty"` // when the verdict is Differs or Fails
	Got        string        `json:"got,omitempty"`      // what came instead; for a client, what it did
	Needs      string        `json:"needs,omitempty"`    // what it takes to reproduce the case
	Duration   time.Duration `json:"duration_ns"`
	Transcript []Event       `json:"transcript,omitempty"`
}

// Event is one line of a conversation.
type Event struct {
	At     time.Duration `json:"at_ns"`            // since the connection was opened
	From   string        `json:"from"`             // "tester", "peer", or "note" for what is no message
	Offset int64         `json:"offset"`           // of the first byte in that direction, handshake included; -1 for a note
	Text   string        `json:"text"`             // the message, decoded, on one line
	Bytes  string        `json:"bytes,omitempty"`  // hex, shortened
	Length int           `json:"length,omitempty"` // of the whole message, bytes
}

// Report is one run.
type Report struct {
	Role     Role      `json:"role"`
	Subject  string    `json:"subject"`           // what was judged: "nginx-rtmp 1.2.2"
	Address  string    `json:"address,omitempty"` // where, without credentials
	Started  time.Time `json:"started"`
	Version  string    `json:"penstock"` // of the checker
	Options  []string  `json:"options,omitempty"`
	Results  []Result  `json:"results"`
	Finished time.Time `json:"finished"`
}

// Count is how many results have the verdict.
func (r *Report) Count(v Verdict) int {
	n := 0
	for i := range r.Results {
		if r.Results[i].Verdict == v {
			n++
		}
	}
	return n
}

// Passed reports whether every required case works. A required case that was not reproduced does not.
func (r *Report) Passed() bool {
	for i := range r.Results {
		if r.Results[i].Severity == Required && r.Results[i].Verdict != Works {
			return false
		}
	}
	return len(r.Results) > 0
}
