package hook

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"penstock/app"
)

// nginxFormat is that of on_connect, on_publish and their like of nginx-rtmp-module: a form, and an answer that is a status.
// The fields and their names are those of its ngx_rtmp_notify_module.
type nginxFormat struct{}

// nginxCall is the field call.
func nginxCall(e Event) string {
	switch e {
	case Unpublish:
		return "publish_done"
	case Stop:
		return "play_done"
	}
	return string(e)
}

// nginxArgs are the fields before those of the client's own query.
func nginxArgs(m *Message) [][2]string {
	f := [][2]string{
		{"app", appAndInstance(m)}, {"flashver", m.FlashVer}, {"swfurl", m.SWFURL}, {"tcurl", m.TCURL}, {"pageurl", m.PageURL},
		{"addr", m.IP}, {"clientid", m.Session}, {"call", nginxCall(m.Event)},
	}
	switch m.Event {
	case Publish:
		f = append(f, [2]string{"name", m.Stream}, [2]string{"type", m.Type})
	case Play:
		reset := "0"
		if m.Reset {
			reset = "1"
		}
		f = append(f, [2]string{"name", m.Stream}, [2]string{"start", millis(m.Start)}, [2]string{"duration", millis(m.Length)}, [2]string{"reset", reset})
	case Unpublish, Stop, Done:
		f = append(f, [2]string{"name", m.Stream})
	case Call:
		f = append(f, [2]string{"method", m.Method})
	}
	return f
}

// millis is a time as a whole number without a sign, −1 and −2 being the highest ones, as the module prints it.
func millis(seconds float64) string {
	if seconds < 0 {
		return strconv.FormatUint(uint64(uint32(int32(max(seconds, -1e6)))), 10)
	}
	return strconv.FormatUint(uint64(uint32(min(seconds*1000, 1<<31))), 10)
}

// appAndInstance is the application as clients without instances write it.
func appAndInstance(m *Message) string {
	if m.Instance == "" || m.Instance == app.DefaultInstance {
		return m.App
	}
	return m.App + "/" + m.Instance
}

func (nginxFormat) encode(m *Message) (string, []byte) {
	var b strings.Builder
	fields := nginxArgs(m)
	own := make(map[string]bool, len(fields))
	for i, f := range fields {
		if i > 0 {
			b.WriteByte('&')
		}
		own[f[0]] = true
		b.WriteString(f[0] + "=" + url.QueryEscape(f[1]))
	}
	// A client's query must not be taken for what the server says: form parsers take the last of two.
	for _, key := range sortedKeys(m.Query) {
		if own[strings.ToLower(key)] {
			continue
		}
		for _, v := range m.Query[key] {
			b.WriteString("&" + url.QueryEscape(key) + "=" + url.QueryEscape(v))
		}
	}
	return "application/x-www-form-urlencoded", []byte(b.String())
}

func (nginxFormat) read(m *Message, resp *http.Response, body []byte) (answer, error) {
	switch resp.StatusCode / 100 {
	case 2:
		return answer{allow: true}, nil
	case 3:
		return nginxRedirect(m, resp.Header.Get("Location")), nil
	}
	return answer{text: plainText(resp, body)}, nil
}

// nginxRedirect reads the new name of a stream, or of the application at connect, or the URL to go to. What cannot be read refuses:
// to let the client keep a name that is to be changed could show a key to the public.
func nginxRedirect(m *Message, location string) answer {
	lower := strings.ToLower(location)
	switch {
	case location == "" || m.Event.ends() == nil:
		return answer{allow: true}
	case strings.HasPrefix(lower, "rtmp://"), strings.HasPrefix(lower, "rtmps://"):
		return answer{redirect: location}
	case strings.Contains(location, "://"):
		return answer{fault: "the Location is neither a name nor an RTMP URL"}
	}
	name, _, _ := strings.Cut(location, "?")
	name = strings.TrimPrefix(name, "/")
	if m.Event != Connect {
		return answer{allow: true, stream: name}
	}
	u, err := url.Parse(m.TCURL) // where the client came to, and only the client is sent there
	if err != nil || u.Host == "" {
		return answer{fault: "the Location names another application, and the client's tcUrl no host"}
	}
	return answer{redirect: u.Scheme + "://" + u.Host + "/" + name}
}

func sortedKeys(q url.Values) []string {
	keys := make([]string, 0, len(q))
	for k := range q {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
