package journal

import (
	"cmp"
	"context"
	"net/netip"
	"slices"
	"strings"
	"time"

	"penstock/app"
)

// Filter chooses refusals. Zero fields choose all.
type Filter struct {
	From, To time.Time    // of the first or the last of a row; From is included, To is not
	Network  netip.Prefix // not valid: every address
	App      string
	Stream   string // whole, or as it was shortened
	Session  string
	Cause    app.Cause
	Stage    app.Stage
	Rule     string
	Code     string
	Text     string // in description, rule, stream, application, session, address or flashVer; case does not count in ASCII
	Before   int64  // an ID: only those before it
	Limit    int    // at most so many; 0 is DefaultLimit
}

// Bounds of Filter.Limit.
const (
	DefaultLimit = 50
	MaxLimit     = 500
)

func (f *Filter) limit() int {
	if f.Limit <= 0 {
		return DefaultLimit
	}
	return min(f.Limit, MaxLimit)
}

// matches leaves out From, To, Before and Limit.
func (f *Filter) matches(r *Refusal) bool {
	is := func(want, got string) bool { return want == "" || want == got }
	return is(f.App, r.App) && is(f.Session, r.Session) && is(string(f.Cause), string(r.Cause)) && is(string(f.Stage), string(r.Stage)) &&
		is(f.Rule, r.Rule) && is(f.Code, r.Code) && (f.Stream == "" || isStream(f.Stream, r.Stream)) &&
		(!f.Network.IsValid() || r.IP.IsValid() && f.Network.Contains(r.IP)) && (f.Text == "" || f.finds(r))
}

// isStream compares a name with one that may have been shortened.
func isStream(whole, kept string) bool {
	if whole == kept {
		return true
	}
	head, short := strings.CutSuffix(kept, "…")
	return short && strings.HasPrefix(whole, head)
}

func (f *Filter) finds(r *Refusal) bool {
	want := lowerASCII(f.Text)
	for _, text := range []string{r.Description, r.Rule, r.Stream, r.App, r.Session, r.Peer, r.FlashVer} {
		if strings.Contains(lowerASCII(text), want) {
			return true
		}
	}
	return false
}

// lowerASCII is how SQLite's LIKE compares.
func lowerASCII(s string) string {
	return strings.Map(func(r rune) rune {
		if 'A' <= r && r <= 'Z' {
			return r + 'a' - 'A'
		}
		return r
	}, s)
}

// Page is an answer to Find, newest first.
type Page struct {
	Refusals []Refusal
	Next     int64 // Filter.Before of the next page; 0: there is none
	Memory   bool  // the file cannot be used: this is only what memory has
}

// Find returns the newest refusals that f chooses, all that Refusal has been told of included. When the file cannot be read
// it looks in memory. The error is that of ctx.
func (j *Journal) Find(ctx context.Context, f Filter) (Page, error) {
	want := f.limit()
	f.Limit = want + 1
	p := Page{Memory: true}
	var kept []Refusal
	if j.file != nil {
		j.settle(ctx)
		var err error
		kept, err = j.file.find(ctx, f)
		if ctx.Err() != nil {
			return Page{}, context.Cause(ctx)
		}
		_, failing := j.file.state()
		p.Memory = err != nil || failing
	}
	p.Refusals = merge(j.find(f), kept, f.Limit)
	if len(p.Refusals) > want {
		p.Refusals = p.Refusals[:want]
		p.Next = p.Refusals[want-1].ID
	}
	return p, nil
}

// merge joins two lists, newest first, of at most limit. What both have is taken from the first.
func merge(a, b []Refusal, limit int) []Refusal {
	list := slices.Concat(a, b)
	slices.SortStableFunc(list, func(x, y Refusal) int { return cmp.Compare(y.ID, x.ID) })
	list = slices.CompactFunc(list, func(x, y Refusal) bool { return x.ID == y.ID })
	return list[:min(len(list), limit)]
}

// find looks in memory.
func (j *Journal) find(f Filter) []Refusal {
	j.mu.Lock()
	defer j.mu.Unlock()
	var list []Refusal
	for _, r := range j.recent {
		in := (f.Before == 0 || r.ID < f.Before) && (f.From.IsZero() || r.Last.UnixMicro() >= f.From.UnixMicro()) &&
			(f.To.IsZero() || r.Time.UnixMicro() < f.To.UnixMicro())
		if in && f.matches(r) {
			list = append(list, *r)
		}
	}
	slices.SortFunc(list, func(a, b Refusal) int { return cmp.Compare(b.ID, a.ID) })
	return list[:min(len(list), f.Limit)]
}

// where is the filter as an SQL condition and its arguments.
func (f *Filter) where() (string, []any) {
	var conditions []string
	var args []any
	add := func(condition string, values ...any) {
		conditions, args = append(conditions, condition), append(args, values...)
	}
	for _, c := range []struct{ column, want string }{
		{"app", f.App}, {"session", f.Session}, {"cause", string(f.Cause)}, {"stage", string(f.Stage)}, {"rule", f.Rule}, {"code", f.Code},
	} {
		if c.want != "" {
			add(c.column+" = ?", c.want)
		}
	}
	if f.Before != 0 {
		add("id < ?", f.Before)
	}
	if !f.From.IsZero() {
		add("last >= ?", f.From.UnixMicro())
	}
	if !f.To.IsZero() {
		add("time < ?", f.To.UnixMicro())
	}
	if f.Network.IsValid() {
		first, last := bounds(f.Network)
		add("ip BETWEEN ? AND ? AND length(ip) = ?", first, last, len(first))
	}
	if f.Stream != "" {
		add("(stream = ? OR substr(stream, -1) = '…' AND substr(stream, 1, length(stream) - 1) = substr(?, 1, length(stream) - 1))",
			f.Stream, f.Stream)
	}
	if f.Text != "" {
		like := "%" + strings.NewReplacer(`\`, `\\`, "%", `\%`, "_", `\_`).Replace(f.Text) + "%"
		var any []string
		for _, column := range []string{"description", "rule", "stream", "app", "session", "peer", "flashver"} {
			any, args = append(any, column+` LIKE ? ESCAPE '\'`), append(args, like)
		}
		conditions = append(conditions, "("+strings.Join(any, " OR ")+")")
	}
	if conditions == nil {
		return "1", nil
	}
	return strings.Join(conditions, " AND "), args
}

// blob is an address as it is stored: 4 or 16 bytes.
func blob(ip netip.Addr) []byte {
	if !ip.IsValid() {
		return nil
	}
	return ip.AsSlice()
}

// bounds are the first and the last address of a network. An IPv6 address can lie between two IPv4 ones, for SQLite compares
// bytes; so lengths are to be compared too.
func bounds(p netip.Prefix) (first, last []byte) {
	first, last = p.Masked().Addr().AsSlice(), p.Masked().Addr().AsSlice()
	for i := p.Bits(); i < 8*len(last); i++ {
		last[i/8] |= 0x80 >> (i % 8)
	}
	return first, last
}
