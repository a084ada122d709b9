package judge

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// API is the operator's side of a Penstock server through its HTTP API.
func API(base, token string) (Control, error) {
	u, err := url.Parse(base)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return Control{}, fmt.Errorf("%q is no address of an API: write it as http://HOST:8080", base)
	}
	a := &api{base: strings.TrimSuffix(base, "/") + "/api/v1/", token: token, client: &http.Client{Timeout: 10 * time.Second}}
	return Control{
		Close:  a.kick,
		Unload: func(ctx context.Context, app string) error { return a.post(ctx, "apps/"+url.PathEscape(app)+"/unload") },
		Load:   func(ctx context.Context, app string) error { return a.post(ctx, "apps/"+url.PathEscape(app)+"/load") },
	}, nil
}

type api struct {
	base, token string
	client      *http.Client
}

// maxAnswer bounds an answer of the API.
const maxAnswer = 4 << 20

func (a *api) do(ctx context.Context, method, path string, into any) error {
	var body io.Reader
	if method == http.MethodPost {
		body = bytes.NewReader([]byte("{}"))
	}
	req, err := http.NewRequestWithContext(ctx, method, a.base+path, body)
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	if a.token != "" {
		req.Header.Set("Authorization", "Bearer "+a.token)
	}
	resp, err := a.client.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return err
	}
	if resp.StatusCode/100 != 2 {
		return fmt.Errorf("the API answers %s to %s", resp.Status, path)
	}
	if into == nil {
		return nil
	}
	return json.Unmarshal(answer, into)
}

func (a *api) post(ctx context.Context, path string) error {
	return a.do(ctx, http.MethodPost, path, nil)
}

// kick finds the session of the tester's address, or of the ID that the server gave it in a status.
func (a *api) kick(ctx context.Context, v Victim) error {
	var list struct {
		Sessions []struct{ ID, Peer string }
	}
	if err := a.do(ctx, http.MethodGet, "sessions", &list); err != nil {
		return err
	}
	for _, s := range list.Sessions {
		if s.Peer == v.Peer || s.ID == v.ClientID {
			return a.post(ctx, "sessions/"+url.PathEscape(s.ID)+"/kick")
		}
	}
	return fmt.Errorf("the API knows no session of %s", v.Peer)
}
