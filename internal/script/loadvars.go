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
)

// Bounds of what a script asks of other servers.
const (
	maxRequests    = 32 // of one instance at a time
	maxAnswerBytes = 1 << 20
	requestTime    = 10 * time.Second
)

// setRequests makes request(method, url, body, done) for the prelude: it calls done(text, status), text undefined when there is none.
// (loop)
func (in *instance) setRequests(native *goja.Object) error {
	running := 0 // (loop)
	return native.Set("request", func(f goja.FunctionCall) goja.Value {
		done, ok := goja.AssertFunction(f.Argument(3))
		if !ok {
			panic(in.vm.NewTypeError("there is nobody to tell the answer"))
		}
		ctx, cancel := context.WithTimeout(in.context, requestTime)
		var body io.Reader
		if b := f.Argument(2); !goja.IsUndefined(b) {
			body = strings.NewReader(b.String())
		}
		url := f.Argument(1).String()
		r, err := http.NewRequestWithContext(ctx, f.Argument(0).String(), url, body)
		if err == nil && running >= maxRequests {
			err = fmt.Errorf("%d requests are under way, which is the most", running)
		}
		if err != nil {
			cancel()
			in.log.Warn("a script's request", "url", url, "error", err)
			return in.vm.ToValue(false)
		}
		if body != nil {
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
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
					answer := goja.Undefined()
					if err == nil {
						answer = in.vm.ToValue(text)
					}
					_, err := done(goja.Undefined(), answer, in.vm.ToValue(code))
					return err
				})
			})
		})
		return in.vm.ToValue(true)
	})
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
