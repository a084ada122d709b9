package hook

import (
	"encoding/json"
	"net/http"
	"strings"
)

// jsonFormat is our own.
type jsonFormat struct{}

// jsonAnswer is an answer in JSON. allow must be there: a misspelt refusal shall not let anybody pass.
type jsonAnswer struct {
	Allow       *bool  `json:"allow"`
	Code        string `json:"code"`
	Description string `json:"description"`
	Redirect    string `json:"redirect"`
	Stream      string `json:"stream"`
}

func (jsonFormat) encode(m *Message) (string, []byte) {
	body, err := json.Marshal(m)
	if err != nil { // cannot be: every field can be written
		body = []byte("{}")
	}
	return "application/json", body
}

func (jsonFormat) read(m *Message, resp *http.Response, body []byte) (answer, error) {
	refused := resp.StatusCode == http.StatusUnauthorized || resp.StatusCode == http.StatusForbidden
	if resp.StatusCode/100 != 2 && !refused {
		return answer{}, nonsense("HTTP status %d", resp.StatusCode)
	}
	if !m.Event.asks() || m.Decided != "" { // it only tells
		return answer{allow: true}, nil
	}
	var j jsonAnswer
	if err := json.Unmarshal(body, &j); err != nil && !refused {
		return answer{}, nonsense("%v", err)
	}
	if refused {
		allow := false
		j.Allow = &allow
	}
	if j.Allow == nil {
		return answer{}, nonsense(`it does not have "allow": true or false`)
	}
	return answer{allow: *j.Allow, code: j.Code, text: j.Description, redirect: j.Redirect, stream: j.Stream}, nil
}

// plainText is a short text of an answer that is meant for people, "" when there is none.
func plainText(resp *http.Response, body []byte) string {
	if kind, _, _ := strings.Cut(resp.Header.Get("Content-Type"), ";"); strings.TrimSpace(kind) != "text/plain" || len(body) > maxText {
		return ""
	}
	return string(body)
}
