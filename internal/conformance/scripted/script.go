package scripted

import (
	"time"

	"penstock/flv"
	"penstock/rtmp"
)

// Script is where a server departs from the ordinary. The zero value is an ordinary server, which accepts whatever it is asked for.
// Hooks run on the connection's goroutine; an error of one ends the connection.
type Script struct {
	Accepted func(*Peer) error // before anything is read; after it the handshake goes on as usual
	Early    func(*Peer) error // after the handshake, before connect is read
	Late     func(*Peer) error // after the client has been told that it is connected

	// Commands are answered by these instead.
	Commands map[string]func(*Peer, *rtmp.Command) error
	// Pongless leaves pings of the client unanswered, Ackless acknowledges nothing.
	Pongless, Ackless bool
	// Slow is how long each answer takes, and the handshake.
	Slow time.Duration

	ChunkSize uint32        // announced before connect is answered; 0 is 4096
	Unsized   bool          // no chunk size is announced
	Piece     int           // bytes in one write, until media flows; 0 is everything at once
	Cut       Cut           // how messages are cut; Size is ignored
	Window    uint32        // Window Acknowledgement Size; 0 is 2500000
	Bandwidth *rtmp.Message // instead of Set Peer Bandwidth 2500000 dynamic
	Feed      Feed          // what a player gets

	// Midway runs once, when After frames have passed (0 is 20 from a publisher and 100 to a player), in whichever direction they go.
	Midway func(*Peer) error
	After  int

	// Again is the script of later connections; nil is the same script.
	Again *Script
}

// Feed is what a player gets, and how.
type Feed struct {
	Length  uint32                      // ms of the clip; 0 is 2560
	Base    uint32                      // time of the first frame
	CSID    map[flv.TagType]uint32      // chunk streams, where not 4 and 6
	Group   int                         // messages in an aggregate; 0 is none
	Mix     bool                        // the chunks of neighbouring messages alternate
	Empty   bool                        // empty audio and video messages among the frames
	Abort   bool                        // now and then a message is begun, aborted and sent anew
	Foreign func(n int) []*rtmp.Message // messages put before frame n
}

// Stage is how far a client got on one connection.
type Stage string

// Stages that a client gets to, in order.
const (
	StageNone      Stage = "it did not connect"
	StageTCP       Stage = "it opened a TCP connection"
	StageHandshake Stage = "it did the handshake"
	StageConnect   Stage = "it sent connect"
	StageStream    Stage = "it sent createStream"
	StageAction    Stage = "it asked to publish or to play"
	StageMedia     Stage = "media flowed"
	StageEnd       Stage = "it ended its stream"
)

// Role is what a client does.
type Role string

// Roles of a client.
const (
	Unknown   Role = ""
	Publisher Role = "publish"
	Player    Role = "play"
)
