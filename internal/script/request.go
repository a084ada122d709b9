package script

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/dop251/goja"

	"penstock/internal/script/xmldoc"
)

// Bounds of what a script asks of other servers.
const (
	maxRequests    = 32 // of one instance at a time
	maxAnswerBytes = 1 << 20
	maxHeaders     = 64 // of one request
	requestTime    = 10 * time.Second
)

// setRequests makes request(method, url, body, [type, header, value, …], done) for the prelude: it calls done(text, status, bytes), text
// and bytes undefined when there is none. (loop)
func (in *instance) setRequests(native *goja.Object) error {
	running := 0 // (loop)
	return native.Set("request", func(f goja.FunctionCall) goja.Value {
		done, ok := goja.AssertFunction(f.Argument(4))
		if !ok {
			panic(in.vm.NewTypeError("there is nobody to tell the answer"))
		}
		ctx, cancel := context.WithTimeout(in.context, requestTime)
		r, err := in.request(ctx, f)
		if err == nil && running >= maxRequests {
			err = fmt.Errorf("%d requests are under way, which is the most", running)
		}
		url := f.Argument(1).String()
		if err != nil {
			cancel()
			in.log.Warn("a script's request", "url", url, "error", err)
			return in.vm.ToValue(false)
		}
		running++
		in.helpers.Go(func() {
			defer cancel()
			text, code, err := fetch(r)
			in.deliver(func() {
				running--
				if err != nil {
					in.log.Warn("a script's request", "url", url, "error", err)
				}
				_ = in.enter("onLoad", func() error {
					answer, bytes := goja.Undefined(), goja.Undefined()
					if err == nil {
						answer, bytes = in.vm.ToValue(text), in.vm.ToValue(len(text))
					}
					_, err := done(goja.Undefined(), answer, in.vm.ToValue(code), bytes)
					return err
				})
			})
		})
		return in.vm.ToValue(true)
	})
}

// request makes a request of what the prelude gives. (loop)
func (in *instance) request(ctx context.Context, f goja.FunctionCall) (*http.Request, error) {
	var body io.Reader
	if b := f.Argument(2); !goja.IsUndefined(b) {
		body = strings.NewReader(b.String())
	}
	r, err := http.NewRequestWithContext(ctx, f.Argument(0).String(), f.Argument(1).String(), body)
	if err != nil {
		return nil, err
	}
	var words []string
	if err := in.vm.ExportTo(f.Argument(3), &words); err != nil || len(words) == 0 {
		return nil, errors.New("the request has no type")
	}
	if body != nil {
		r.Header.Set("Content-Type", words[0])
	}
	if len(words)/2 > maxHeaders {
		return nil, fmt.Errorf("the request has more than %d headers", maxHeaders)
	}
	for i := 1; i+1 < len(words); i += 2 {
		r.Header.Set(words[i], words[i+1]) // the client itself refuses what is no header
	}
	return r, nil
}

// fetch returns the text of an answer that is a success.
func fetch(r *http.Request) (text string, code int, err error) {
	transport := &http.Transport{Proxy: http.ProxyFromEnvironment, DisableKeepAlives: true}
	resp, err := (&http.Client{Transport: transport}).Do(r)
	if err != nil {
		return "", 0, err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswerBytes+1))
	switch {
	case err != nil:
	case len(b) > maxAnswerBytes:
		err = fmt.Errorf("the answer has more than %d bytes", maxAnswerBytes)
	case resp.StatusCode < 200 || resp.StatusCode > 299:
		err = errors.New(resp.Status)
	}
	return string(b), resp.StatusCode, err
}

// parseXML is parseXML(text, ignoreWhite) for the XML class: what was read, each node as [depth, name or "", text, attribute, value, …].
// (loop)
func (in *instance) parseXML(f goja.FunctionCall) goja.Value {
	d := xmldoc.Parse(f.Argument(0).String(), f.Argument(1).ToBoolean(), xmldoc.Limits{})
	nodes := make([]any, len(d.Nodes))
	for i, n := range d.Nodes {
		node := make([]any, 0, 3+2*len(n.Attributes))
		node = append(node, n.Depth, n.Name, n.Text)
		for _, a := range n.Attributes {
			node = append(node, a.Name, a.Value)
		}
		nodes[i] = in.vm.NewArray(node...)
	}
	o := in.vm.NewObject()
	for name, v := range map[string]any{"status": int(d.Status), "declaration": d.Declaration, "docType": d.DocType, "nodes": in.vm.NewArray(nodes...)} {
		_ = o.Set(name, v)
	}
	return o
}
