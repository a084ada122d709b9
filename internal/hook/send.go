package hook

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// send sends an event: a question once, anything else until it is taken or has been tried often enough.
func (s *Session) send(it *item) {
	if it.reply == nil {
		s.insist(it.m, 1)
		return
	}
	s.mu.Lock()
	why := it.gone
	s.mu.Unlock()
	switch why {
	case refused:
		return
	case allowed:
		s.tellOf(it.m, 1)
		return
	}
	s.number(it.m)
	ctx, cancel := context.WithDeadline(s.hooks.ctx, it.deadline)
	defer cancel()
	var r result
	begin := time.Now()
	r.answer, r.err = s.hooks.post(ctx, it.m, 1)
	s.hooks.observe(it.m.Event, outcome(r.answer, r.err), begin)
	if ctx.Err() != nil && r.err != nil {
		r.err = errLate
	}
	s.mu.Lock()
	if why = it.gone; why == waits {
		it.reply <- r
		s.answered()
	}
	s.mu.Unlock()
	s.afterwards(it.m, r, why)
}

// afterwards sees to it that the program knows what became of a question whose answer did not count.
func (s *Session) afterwards(m *Message, r result, why gone) {
	switch {
	case r.err == nil && r.answer.allow && why == refused:
		d := m.Details
		d.Reason = "the answer came too late"
		for _, e := range m.Event.ends() { // it believes that the client is there
			if s.hooks.o.URLs[e] != "" {
				s.insist(s.message(e, d), 1) // now: the end of the session may be queued already
			}
		}
	case r.err != nil && s.hooks.o.AllowWhenDown && why != refused:
		s.tellOf(m, 2)
	}
}

// tellOf tells of a question that was allowed without the answer.
func (s *Session) tellOf(m *Message, attempt int) {
	m.Decided = "allow"
	s.insist(m, attempt)
}

// insist sends an event that only tells, several times when it is not taken.
func (s *Session) insist(m *Message, attempt int) {
	s.number(m)
	for ; ; attempt++ {
		if attempt > 1 {
			s.patience(attempt - 1)
		}
		ctx, cancel := context.WithTimeout(s.hooks.ctx, s.hooks.o.Timeout)
		begin := time.Now()
		_, err := s.hooks.post(ctx, m, attempt)
		cancel()
		if err == nil || errors.Is(err, errNonsense) { // what it thinks of an end does not matter
			s.hooks.observe(m.Event, Taken, begin)
			return
		}
		s.hooks.observe(m.Event, outcome(answer{}, err), begin)
		if attempt >= maxAttempts || s.hooks.ctx.Err() != nil {
			s.hooks.lost("event not delivered", m, err)
			return
		}
	}
}

// patience waits after so many attempts, for as long as nobody waits for what comes next.
func (s *Session) patience(attempts int) {
	s.mu.Lock()
	hurry := s.hurry
	if s.asked > 0 {
		s.mu.Unlock()
		return
	}
	s.mu.Unlock()
	t := time.NewTimer(time.Duration(attempts*attempts) * time.Second)
	defer t.Stop()
	select {
	case <-t.C:
	case <-hurry:
	case <-s.hooks.ctx.Done():
	}
}

// errNonsense is an answer that came and cannot be understood.
var errNonsense = errors.New("the answer makes no sense")

// post sends an event once. The error says that there is no answer, or none that makes sense; it contains no address, which may
// have a password.
func (h *Hooks) post(ctx context.Context, m *Message, attempt int) (answer, error) {
	contentType, body := h.format.encode(m)
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, h.o.URLs[m.Event], bytes.NewReader(body))
	if err != nil {
		return answer{}, fmt.Errorf("%w: address of %s", errNonsense, m.Event)
	}
	req.Header.Set("Content-Type", contentType)
	req.Header.Set("User-Agent", "Penstock")
	req.Header.Set("Penstock-Event", string(m.Event))
	req.Header.Set("Penstock-Session", m.Session)
	req.Header.Set("Penstock-Attempt", strconv.Itoa(attempt))
	req.Header.Set("Idempotency-Key", m.ID)
	if h.o.Secret != "" {
		req.Header.Set(SignatureHeader, Sign(h.o.Secret, time.Now(), body))
	}
	begin := time.Now()
	resp, err := h.http.Do(req)
	if err != nil {
		return answer{}, withoutURL(err)
	}
	defer resp.Body.Close()
	h.o.Log.Debug("hook", "event", string(m.Event), "id", m.ID, "attempt", attempt, "status", resp.StatusCode, "took", time.Since(begin))
	got, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	switch {
	case err != nil:
		return answer{}, withoutURL(err)
	case len(got) > maxAnswer:
		return answer{}, fmt.Errorf("%w: it is longer than %d bytes", errNonsense, maxAnswer)
	case resp.StatusCode >= 500 || resp.StatusCode == http.StatusTooManyRequests:
		return answer{}, fmt.Errorf("HTTP status %d", resp.StatusCode)
	}
	return h.format.read(m, resp, got)
}

func withoutURL(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}

// SignatureHeader is the header with the signature of a request.
const SignatureHeader = "Penstock-Signature"

// Sign is the value of SignatureHeader for a body: t=SECONDS,v1=HEX, where HEX is the HMAC-SHA256 of "SECONDS.BODY".
func Sign(secret string, at time.Time, body []byte) string {
	seconds := strconv.FormatInt(at.Unix(), 10)
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(seconds + "."))
	mac.Write(body)
	return "t=" + seconds + ",v1=" + hex.EncodeToString(mac.Sum(nil))
}
