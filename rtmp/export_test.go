package rtmp

// Direct tells whether c is written to directly, without a writer goroutine.
func Direct(c *Conn) bool { return c.out.wake == nil }
