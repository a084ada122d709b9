// Package amf reads and writes the Action Message Format, versions 0 and 3:
// the values in RTMP commands, data messages and shared objects, in FLV script
// tags and in AMF packets.
//
// # Values
//
// A [Value] is one of a closed set of Go types; what a peer sent is written
// again as it was. Objects are ordered lists of members, since order means
// something to some clients. Undefined is not null, an ECMA array is not a
// strict one, an AMF3 integer (int32) is not a double (float64). Classes are
// names: nothing is ever instantiated, and XML is never parsed.
//
// # Reading
//
// A [Decoder] reads the values of one message, one by one or all at once.
// References give the same pointer again, so that values may be graphs, with
// cycles. Everything a peer can declare is bounded by [Limits], and memory is
// taken only for what has arrived. A [SyntaxError] says where and why reading
// stopped: the byte, the way to the member, and one of the Err variables.
//
// # Writing
//
// An [Encoder] appends to a slice, without allocating for plain AMF0.
// [Append0] is the shorthand nearly everything needs.
//
// # Go types
//
// [Marshal], [Unmarshal], [ToValue] and [Assign] map structs, maps, slices and
// times, with `amf` field tags. [AppendJSON] and [FromJSON] talk to the web,
// [Format] to people.
//
// Whatever walks over a value follows at most 128 levels and 100,000 nodes and
// ends with an error beyond, so that a small message in which each object
// holds the one before twice costs nobody anything.
//
// The specifications are Adobe's "Action Message Format -- AMF 0" (2007,
// called AMF0 spec here) and "AMF 3" (2013, AMF3 spec).
package amf
