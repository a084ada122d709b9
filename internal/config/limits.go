package config

import (
	"reflect"
	"time"

	"penstock/amf"
	"penstock/app"
	"penstock/media"
	"penstock/rtmp"
	"penstock/rtmp/chunk"
	"penstock/sharedobject"
)

// Limits bounds what clients can make the server spend. A client that goes over one is told, and the log names the limit as
// it is called here. All must be above 0 where nothing else is said.
type Limits struct {
	Connections      int     `yaml:"connections"`         // connections open at once
	ConnectionsPerIP int     `yaml:"connections_per_ip"`  // connections open at once from one IPv4 address or IPv6 /64
	ConnectRatePerIP float64 `yaml:"connect_rate_per_ip"` // new connections a second from one address; twice as many at once
	PendingTLS       int     `yaml:"pending_tls"`         // unfinished TLS handshakes
	PendingTLSPerIP  int     `yaml:"pending_tls_per_ip"`  // unfinished TLS handshakes from one address

	HandshakeTimeout  Duration `yaml:"handshake_timeout"`      // time for the whole RTMP handshake
	TLSTimeout        Duration `yaml:"tls_timeout"`            // time for the TLS handshake
	ConnectTimeout    Duration `yaml:"connect_timeout"`        // time from the handshake to the first command
	ActivityTimeout   Duration `yaml:"activity_timeout"`       // time that a client may be connected without publishing, playing or calling
	RefusedTimeout    Duration `yaml:"refused_timeout"`        // time to leave after a refused publish or play
	FirstMediaTimeout Duration `yaml:"first_media_timeout"`    // time from publish to the first message
	PublisherIdle     Duration `yaml:"publisher_idle_timeout"` // time that a publisher may send no byte
	PublishTimeout    Duration `yaml:"publish_timeout"`        // time for a publisher to show that it lives when another wants its name
	PingInterval      Duration `yaml:"ping_interval"`          // silence before a client is pinged
	PingTimeout       Duration `yaml:"ping_timeout"`           // silence after a ping that ends the connection
	WriteTimeout      Duration `yaml:"write_timeout"`          // time that a client may take no byte of what waits for it
	CloseLinger       Duration `yaml:"close_linger"`           // time for a client to end its side of a connection that the server ended
	HandlerTimeout    Duration `yaml:"handler_timeout"`        // time for an application to decide or answer
	CallTimeout       Duration `yaml:"call_timeout"`           // time for a client to answer the server's call

	MessageStreams     int  `yaml:"message_streams"`      // streams of one connection (createStream)
	PlayersPerStream   int  `yaml:"players_per_stream"`   // players of one stream; 0 is no limit
	QueuedCommands     int  `yaml:"queued_commands"`      // commands of one connection that wait to be executed
	QueuedCommandBytes Size `yaml:"queued_command_bytes"` // length of their messages together
	PendingCalls       int  `yaml:"pending_calls"`        // calls to one client that wait for its answer
	PropertyBytes      Size `yaml:"property_bytes"`       // length of tcUrl, swfUrl, pageUrl and flashVer, each

	MediaRate       float64 `yaml:"media_rate"`       // audio, video and data messages a second from one connection
	CommandRate     float64 `yaml:"command_rate"`     // commands a second; twice as many at once
	PingRate        float64 `yaml:"ping_rate"`        // ping requests a second
	ControlRate     float64 `yaml:"control_rate"`     // other control messages a second
	UnknownMessages int     `yaml:"unknown_messages"` // messages a minute that make no sense

	MessageBytes      Size `yaml:"message_bytes"`        // length of an audio or video message, at most 16777215
	CommandBytes      Size `yaml:"command_bytes"`        // length of a command or data message; 16KiB until connect is accepted
	ControlBytes      Size `yaml:"control_bytes"`        // length of a control message
	SharedObjectBytes Size `yaml:"shared_object_bytes"`  // length of a shared object message
	AggregateBytes    Size `yaml:"aggregate_bytes"`      // length of an aggregate message
	AggregateMessages int  `yaml:"aggregate_messages"`   // messages in an aggregate
	ChunkStreams      int  `yaml:"chunk_streams"`        // chunk stream ids that a connection uses
	PartialMessages   int  `yaml:"partial_messages"`     // messages of one connection that are incomplete at the same time
	ReassemblyBytes   Size `yaml:"reassembly_bytes"`     // bytes of one connection's incomplete messages
	SetChunkSizeCount int  `yaml:"set_chunk_size_count"` // changes of the chunk size by a client
	ChunkSizeMin      int  `yaml:"chunk_size_min"`       // smallest chunk size that a client may announce, bytes

	AMFDepth           int  `yaml:"amf_depth"`             // nesting of one message's values, at most 128
	AMFNodes           int  `yaml:"amf_nodes"`             // values in one message
	AMFBytes           Size `yaml:"amf_bytes"`             // strings and binary data of one message, and 64 bytes for each value
	AMFStringBytes     Size `yaml:"amf_string_bytes"`      // length of one key, class name or AMF0 string
	AMFLongStringBytes Size `yaml:"amf_long_string_bytes"` // length of one AMF0 long string, AMF3 string, XML or byte array
	AMFKeys            int  `yaml:"amf_keys"`              // members of one object
	AMFSealed          int  `yaml:"amf_sealed"`            // sealed members of one AMF3 class

	ControlQueueBytes    Size        `yaml:"control_queue_bytes"`    // commands and control messages that wait for one client
	ControlQueueMessages int         `yaml:"control_queue_messages"` // their number
	PlayerQueue          PlayerQueue `yaml:"player_queue"`
	ResyncInterval       Duration    `yaml:"resync_interval"` // least time between replays of the headers to one player

	GOPBytes       Size     `yaml:"gop_bytes"`        // frames since the last key frame that a stream keeps for newcomers; 0 keeps none
	GOPDuration    Duration `yaml:"gop_duration"`     // their time
	TotalGOPBytes  Size     `yaml:"total_gop_bytes"`  // frames that all streams keep together
	ConfigBytes    Size     `yaml:"config_bytes"`     // length of one sequence header
	MetadataBytes  Size     `yaml:"metadata_bytes"`   // length of onMetaData
	ColorInfoBytes Size     `yaml:"color_info_bytes"` // length of the colour information
	Tracks         int      `yaml:"tracks"`           // audio tracks of one stream; likewise video tracks

	SharedObjects             int     `yaml:"shared_objects"`               // shared objects of one application, those that are only stored included
	SharedObjectSlots         int     `yaml:"shared_object_slots"`          // slots of one object
	SharedObjectKeyBytes      Size    `yaml:"shared_object_key_bytes"`      // length of a slot's name
	SharedObjectValueBytes    Size    `yaml:"shared_object_value_bytes"`    // length of one value, or of one send, as AMF0
	SharedObjectTotalBytes    Size    `yaml:"shared_object_total_bytes"`    // names and values of one object
	SharedObjectsBytes        Size    `yaml:"shared_objects_bytes"`         // names and values of an application's objects in memory
	SharedObjectsStoredBytes  Size    `yaml:"shared_objects_stored_bytes"`  // names and values of an application's persistent objects
	SharedObjectNameBytes     Size    `yaml:"shared_object_name_bytes"`     // length of an object's name
	SharedObjectNameDepth     int     `yaml:"shared_object_name_depth"`     // segments of an object's name
	SharedObjectMembers       int     `yaml:"shared_object_members"`        // clients of one object
	SharedObjectsPerClient    int     `yaml:"shared_objects_per_client"`    // objects that one client uses at the same time
	SharedObjectUpdateRate    float64 `yaml:"shared_object_update_rate"`    // messages a second from one client, twice as many at once; more have to wait
	SharedObjectEvents        int     `yaml:"shared_object_events"`         // events of one message
	SharedObjectDeferred      int     `yaml:"shared_object_deferred"`       // messages that wait while an application has locked an object
	SharedObjectDeferredBytes Size    `yaml:"shared_object_deferred_bytes"` // their length
	SharedObjectResyncDepth   int     `yaml:"shared_object_resync_depth"`   // removed slots that an object remembers

	HTTPConnections int `yaml:"http_connections"` // HTTP connections open at once, players included
	HTTPViewers     int `yaml:"http_viewers"`     // players over HTTP and WebSocket at once, those that wait for a publisher included

	TunnelSessions    int      `yaml:"tunnel_sessions"`     // RTMPT sessions open at once
	TunnelIdleTimeout Duration `yaml:"tunnel_idle_timeout"` // time without a request that ends an RTMPT session

	ScriptTime   Duration `yaml:"script_time"`   // time that a script may run without coming back; one that does not is stopped with its instance
	ScriptQueue  int      `yaml:"script_queue"`  // events that wait for one instance of a scripted application
	ScriptDepth  int      `yaml:"script_depth"`  // calls within calls
	ScriptIdle   Duration `yaml:"script_idle"`   // time that an instance without clients is kept
	ScriptMemory Size     `yaml:"script_memory"` // memory that an instance may hold, and by which the heap may grow while its script runs; one that takes more is stopped

	RemotingBytes     Size     `yaml:"remoting_bytes"`      // length of a request to the gateway; likewise of the headers of an answer
	RemotingHeaders   int      `yaml:"remoting_headers"`    // headers of its AMF packet, and of the answer's
	RemotingCalls     int      `yaml:"remoting_calls"`      // calls in it
	RemotingNameBytes Size     `yaml:"remoting_name_bytes"` // length of a call's target and of a header's name
	RemotingRequests  int      `yaml:"remoting_requests"`   // requests to the gateway that are served at once
	RemotingTimeout   Duration `yaml:"remoting_timeout"`    // time for a whole request

	RemotingSessions    int      `yaml:"remoting_sessions"`     // connections that the gateway keeps, for applications that ask for it, until their callers come again; 0 keeps none
	RemotingSessionIdle Duration `yaml:"remoting_session_idle"` // time without a request after which it does no longer
}

// PlayerQueue is what waits for one player. Beyond the soft bounds video is dropped up to a key frame; beyond the hard ones
// the connection ends with NetStream.Play.InsufficientBW. 0 is no bound.
type PlayerQueue struct {
	SoftBytes Size     `yaml:"soft_bytes"` // payload, and 256 bytes for each frame
	SoftDelay Duration `yaml:"soft_delay"` // stream time from the oldest to the newest frame
	HardBytes Size     `yaml:"hard_bytes"` // payload, and 256 bytes for each frame
	HardDelay Duration `yaml:"hard_delay"` // stream time since the player last took something
}

// DefaultLimits are the limits without a file, as the packages define them where they say so themselves.
func DefaultLimits() Limits {
	l := limitsOf(app.Limits{}.WithDefaults(), chunk.DefaultLimits(), amf.DefaultLimits())
	l.PlayerQueue = PlayerQueue{
		SoftBytes: 4 << 20, SoftDelay: Duration(3 * time.Second), HardBytes: 32 << 20, HardDelay: Duration(10 * time.Second),
	}
	l.GOPBytes, l.GOPDuration, l.TotalGOPBytes = 16<<20, Duration(10*time.Second), 1<<30
	l.HTTPConnections, l.HTTPViewers = 2000, 1000
	l.TunnelSessions, l.TunnelIdleTimeout = 1000, Duration(20*time.Second)
	l.ScriptTime, l.ScriptQueue, l.ScriptDepth, l.ScriptIdle = Duration(2*time.Second), 1024, 1000, Duration(20*time.Minute)
	l.ScriptMemory = 256 << 20
	l.RemotingBytes, l.RemotingHeaders, l.RemotingCalls, l.RemotingNameBytes = 1<<20, 16, 32, 255
	l.RemotingRequests, l.RemotingTimeout = 64, Duration(30*time.Second)
	l.RemotingSessions, l.RemotingSessionIdle = 256, Duration(5*time.Minute)
	l.ConfigBytes, l.MetadataBytes, l.ColorInfoBytes, l.Tracks = 64<<10, 64<<10, 16<<10, 16
	return l
}

// limitsOf is the reverse of App, all but the player's queue.
func limitsOf(a app.Limits, c chunk.Limits, v amf.Limits) Limits {
	r, o := a.RTMP, a.SharedObject
	return Limits{
		Connections: r.Connections, ConnectionsPerIP: r.ConnectionsPerIP, ConnectRatePerIP: r.ConnectRatePerIP, PendingTLS: r.PendingTLS, PendingTLSPerIP: r.PendingTLSPerIP,

		HandshakeTimeout: Duration(r.HandshakeTimeout), TLSTimeout: Duration(r.TLSTimeout), ConnectTimeout: Duration(r.ConnectTimeout),
		ActivityTimeout: Duration(a.ActivityTimeout), RefusedTimeout: Duration(a.RefusedTimeout), FirstMediaTimeout: Duration(a.FirstMedia),
		PublisherIdle: Duration(a.PublisherIdle), PublishTimeout: Duration(a.PublishTimeout), PingInterval: Duration(a.PingInterval),
		PingTimeout: Duration(a.PingTimeout), WriteTimeout: Duration(r.WriteTimeout), CloseLinger: Duration(r.CloseLinger),
		HandlerTimeout: Duration(a.HandlerTimeout), CallTimeout: Duration(a.CallTimeout),

		MessageStreams: a.MessageStreams, PlayersPerStream: a.PlayersPerStream, QueuedCommands: a.QueuedCommands, QueuedCommandBytes: Size(a.QueuedCommandBytes),
		PendingCalls: a.PendingCalls, PropertyBytes: Size(a.PropertyBytes),

		MediaRate: r.MediaRate, CommandRate: r.CommandRate, PingRate: r.PingRate, ControlRate: r.ControlRate, UnknownMessages: r.UnknownMessages,

		MessageBytes: Size(c.Message), CommandBytes: Size(c.Command), ControlBytes: Size(c.Control), SharedObjectBytes: Size(c.SharedObject),
		AggregateBytes: Size(c.Aggregate), AggregateMessages: c.AggregateMessages, ChunkStreams: c.ChunkStreams, PartialMessages: c.Partial,
		ReassemblyBytes: Size(c.Reassembly), SetChunkSizeCount: c.SetChunkSizes, ChunkSizeMin: c.MinChunkSize,

		AMFDepth: v.Depth, AMFNodes: v.Nodes, AMFBytes: Size(v.Bytes), AMFStringBytes: Size(v.String),
		AMFLongStringBytes: Size(v.LongString), AMFKeys: v.Keys, AMFSealed: v.Sealed,

		ControlQueueBytes: Size(r.ControlQueueBytes), ControlQueueMessages: r.ControlQueueMessages, ResyncInterval: Duration(a.ResyncInterval),

		SharedObjects: o.Objects, SharedObjectSlots: o.Slots, SharedObjectKeyBytes: Size(o.KeyBytes), SharedObjectValueBytes: Size(o.ValueBytes),
		SharedObjectTotalBytes: Size(o.ObjectBytes), SharedObjectsBytes: Size(o.HubBytes), SharedObjectsStoredBytes: Size(o.StoreBytes),
		SharedObjectNameBytes: Size(o.NameBytes), SharedObjectNameDepth: o.NameDepth, SharedObjectMembers: o.Members,
		SharedObjectsPerClient: o.PerMember, SharedObjectUpdateRate: o.UpdateRate, SharedObjectEvents: o.EventCount,
		SharedObjectDeferred: o.Deferred, SharedObjectDeferredBytes: Size(o.DeferredBytes), SharedObjectResyncDepth: o.ResyncDepth,
	}
}

// App is the limits of connections, sessions and players.
func (l *Limits) App() app.Limits {
	return app.Limits{
		RTMP:           l.rtmp(),
		HandlerTimeout: time.Duration(l.HandlerTimeout), CallTimeout: time.Duration(l.CallTimeout),
		ActivityTimeout: time.Duration(l.ActivityTimeout), RefusedTimeout: time.Duration(l.RefusedTimeout),
		FirstMedia: time.Duration(l.FirstMediaTimeout), PublisherIdle: time.Duration(l.PublisherIdle),
		PublishTimeout: time.Duration(l.PublishTimeout), PingInterval: time.Duration(l.PingInterval),
		PingTimeout: time.Duration(l.PingTimeout), ResyncInterval: time.Duration(l.ResyncInterval),
		MessageStreams: l.MessageStreams, QueuedCommands: l.QueuedCommands, QueuedCommandBytes: int(l.QueuedCommandBytes), PendingCalls: l.PendingCalls,
		PropertyBytes: int(l.PropertyBytes), PlayersPerStream: l.PlayersPerStream,
		PlayerQueue: l.Queue(), SharedObject: l.Objects(),
	}
}

// Objects is the limits of shared objects.
func (l *Limits) Objects() sharedobject.Limits {
	return sharedobject.Limits{
		Objects: l.SharedObjects, Slots: l.SharedObjectSlots, KeyBytes: int(l.SharedObjectKeyBytes), ValueBytes: int(l.SharedObjectValueBytes),
		ObjectBytes: int(l.SharedObjectTotalBytes), HubBytes: int(l.SharedObjectsBytes), StoreBytes: int(l.SharedObjectsStoredBytes),
		NameBytes: int(l.SharedObjectNameBytes), NameDepth: l.SharedObjectNameDepth, Members: l.SharedObjectMembers,
		PerMember: l.SharedObjectsPerClient, UpdateRate: l.SharedObjectUpdateRate, EventCount: l.SharedObjectEvents,
		Deferred: l.SharedObjectDeferred, DeferredBytes: int(l.SharedObjectDeferredBytes), ResyncDepth: l.SharedObjectResyncDepth,
	}
}

// Queue is the bounds of what waits for one player.
func (l *Limits) Queue() media.QueueLimits {
	q := l.PlayerQueue
	return media.QueueLimits{
		SoftBytes: int(orUnbounded(q.SoftBytes)), SoftDelay: time.Duration(orUnbounded(q.SoftDelay)),
		HardBytes: int(orUnbounded(q.HardBytes)), HardDelay: time.Duration(orUnbounded(q.HardDelay)),
	}
}

// orUnbounded turns the 0 of the configuration into what package media means by no bound.
func orUnbounded[T Size | Duration](v T) T {
	if v == 0 {
		return -1
	}
	return v
}

func (l *Limits) rtmp() rtmp.Limits {
	return rtmp.Limits{
		HandshakeTimeout: time.Duration(l.HandshakeTimeout), TLSTimeout: time.Duration(l.TLSTimeout),
		ConnectTimeout: time.Duration(l.ConnectTimeout), WriteTimeout: time.Duration(l.WriteTimeout),
		CloseLinger:       time.Duration(l.CloseLinger),
		ControlQueueBytes: int(l.ControlQueueBytes), ControlQueueMessages: l.ControlQueueMessages,
		MediaRate: l.MediaRate, CommandRate: l.CommandRate, PingRate: l.PingRate, ControlRate: l.ControlRate,
		UnknownMessages: l.UnknownMessages,
		Connections:     l.Connections, ConnectionsPerIP: l.ConnectionsPerIP, ConnectRatePerIP: l.ConnectRatePerIP, PendingTLS: l.PendingTLS, PendingTLSPerIP: l.PendingTLSPerIP,
		Chunk: chunk.Limits{
			Message: int(l.MessageBytes), Command: int(l.CommandBytes), Control: int(l.ControlBytes), SharedObject: int(l.SharedObjectBytes),
			Aggregate: int(l.AggregateBytes), AggregateMessages: l.AggregateMessages, ChunkStreams: l.ChunkStreams,
			Partial: l.PartialMessages, Reassembly: int(l.ReassemblyBytes), SetChunkSizes: l.SetChunkSizeCount, MinChunkSize: l.ChunkSizeMin,
		},
		AMF: amf.Limits{
			Depth: l.AMFDepth, Nodes: l.AMFNodes, Bytes: int(l.AMFBytes), String: int(l.AMFStringBytes),
			LongString: int(l.AMFLongStringBytes), Keys: l.AMFKeys, Sealed: l.AMFSealed,
		},
	}
}

// Media is the limits of streams.
func (l *Limits) Media() media.Options {
	return media.Options{
		GOPBytes: int(orUnbounded(l.GOPBytes)), GOPDuration: time.Duration(l.GOPDuration), TotalGOPBytes: int(l.TotalGOPBytes),
		ConfigBytes: int(l.ConfigBytes), MetadataBytes: int(l.MetadataBytes), ColorInfoBytes: int(l.ColorInfoBytes), Tracks: l.Tracks,
	}
}

// Validate checks the section.
func (l *Limits) Validate() error {
	v := reflect.ValueOf(l).Elem()
	for i := range v.NumField() {
		f := v.Field(i)
		key := v.Type().Field(i).Tag.Get("yaml")
		if !f.CanInt() && !f.CanFloat() || key == "players_per_stream" || key == "gop_bytes" {
			continue
		}
		if f.CanInt() && f.Int() <= 0 || f.CanFloat() && !(f.Float() > 0) {
			return fieldErrorf("limits."+key, "must be above 0")
		}
	}
	q := l.PlayerQueue
	switch {
	case l.PlayersPerStream < 0:
		return fieldErrorf("limits.players_per_stream", "must not be below 0")
	case l.MessageBytes > 1<<24-1:
		return fieldErrorf("limits.message_bytes", "must not be above 16777215, the most that RTMP can frame")
	case l.AMFDepth > 128:
		return fieldErrorf("limits.amf_depth", "must not be above 128")
	case q.HardBytes != 0 && q.SoftBytes > q.HardBytes:
		return fieldErrorf("limits.player_queue.soft_bytes", "%v is above hard_bytes, %v", q.SoftBytes, q.HardBytes)
	case q.HardDelay != 0 && q.SoftDelay > q.HardDelay:
		return fieldErrorf("limits.player_queue.soft_delay", "%v is above hard_delay, %v", q.SoftDelay, q.HardDelay)
	}
	return nil
}
