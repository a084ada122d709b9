// Package scripted is an RTMP server that follows a script: it serves one client as any server would, until the script has it say
// or do something else, and writes down the conversation and what the client did. It is the other end of a client that is judged.
//
// A Peer belongs to one connection. The hooks of its Script run on the connection's own goroutine, one at a time. Everything that a
// client can do is bounded: bytes, messages, frames and lines written down, and every write has a deadline.
package scripted
