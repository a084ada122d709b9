package page

import "penstock/app"

// Recent remembers the last refusals and the last ended sessions. It is safe for concurrent
// use; its methods do not block and can be a server's OnRefusal and OnSession.
type Recent struct{}

// NewRecent makes one that remembers n of each.
func NewRecent(n int) *Recent { return &Recent{} }

// Refusal adds a refusal.
func (m *Recent) Refusal(r *app.Refusal) {}

// Session adds a session when it has ended.
func (m *Recent) Session(c *app.Client, ended bool, reason error) {}
