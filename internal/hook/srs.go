package hook

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
)

// srsFormat is that of the HTTP callbacks of SRS: JSON, and an answer that is HTTP status 200 with 0 or {"code": 0}. The fields
// are those of its versions 5 to 7.
type srsFormat struct{ server, service string }

func newSRSFormat() srsFormat {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails (crypto/rand)
	return srsFormat{server: "vid-" + hex.EncodeToString(b[:4])[:7], service: hex.EncodeToString(b[4:])}
}

// srsMessage is what SRS posts. A pointer is a field that only some events have.
type srsMessage struct {
	ServerID  string  `json:"server_id"`
	ServiceID string  `json:"service_id"`
	Action    string  `json:"action"`
	ClientID  string  `json:"client_id"`
	IP        string  `json:"ip"`
	VHost     string  `json:"vhost"`
	App       string  `json:"app"`
	TCURL     string  `json:"tcUrl"`
	Stream    *string `json:"stream,omitempty"`
	Param     *string `json:"param,omitempty"`
	StreamURL *string `json:"stream_url,omitempty"`
	StreamID  *string `json:"stream_id,omitempty"`
	PageURL   *string `json:"pageUrl,omitempty"`
	SendBytes *uint64 `json:"send_bytes,omitempty"`
	RecvBytes *uint64 `json:"recv_bytes,omitempty"`
	Method    string  `json:"method,omitempty"` // of call, which SRS does not have
}

func (f srsFormat) encode(m *Message) (string, []byte) {
	s := srsMessage{
		ServerID: f.server, ServiceID: f.service, Action: "on_" + string(m.Event), ClientID: m.Session, IP: m.IP, VHost: "__defaultVhost__",
		App: appAndInstance(m), TCURL: m.TCURL, Method: m.Method,
	}
	switch m.Event {
	case Disconnect:
		s.Action, s.SendBytes, s.RecvBytes = "on_close", &m.BytesOut, &m.BytesIn
	case Connect:
		s.PageURL = &m.PageURL
	case Publish, Unpublish, Play, Stop:
		param, streamURL := srsParam(m.Query), "/"+s.App+"/"+m.Stream
		sum := sha256.Sum256([]byte(streamURL))
		id := "vid-" + hex.EncodeToString(sum[:])[:7]
		s.Stream, s.Param, s.StreamURL, s.StreamID = &m.Stream, &param, &streamURL, &id
		if m.Event == Play {
			s.PageURL = &m.PageURL
		}
	}
	body, err := json.Marshal(s)
	if err != nil { // cannot be: every field can be written
		body = []byte("{}")
	}
	return "application/json", body
}

// srsParam is a query with its question mark, "" when there is none.
func srsParam(q url.Values) string {
	var b strings.Builder
	for _, key := range sortedKeys(q) {
		for _, v := range q[key] {
			if b.Len() == 0 {
				b.WriteByte('?')
			} else {
				b.WriteByte('&')
			}
			b.WriteString(url.QueryEscape(key) + "=" + url.QueryEscape(v))
		}
	}
	return b.String()
}

func (srsFormat) read(_ *Message, resp *http.Response, body []byte) (answer, error) {
	if resp.StatusCode != http.StatusOK {
		return answer{text: plainText(resp, body)}, nil
	}
	body = bytes.TrimSpace(body)
	var said struct {
		Code *json.Number `json:"code"`
		Msg  string       `json:"msg"`
	}
	if number := json.Number(body); isNumber(body) {
		said.Code = &number
	} else if err := json.Unmarshal(body, &said); err != nil || said.Code == nil {
		return answer{}, nonsense(`it is neither 0 nor {"code": 0}`)
	}
	if code, err := said.Code.Float64(); err == nil && code == 0 {
		return answer{allow: true}, nil
	}
	return answer{text: said.Msg}, nil
}

func isNumber(b []byte) bool {
	var n json.Number
	return len(b) > 0 && b[0] != '"' && json.Unmarshal(b, &n) == nil && n != ""
}
