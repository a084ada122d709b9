// Package flv reads and writes FLV streams and classifies the audio and video
// payloads that RTMP and FLV share.
//
// It knows three layers:
//
//   - the file: header, tags, back pointers ([Reader], [Writer], [AppendTag]);
//   - the payload header: the legacy AudioTagHeader and VideoTagHeader of the
//     Adobe Flash Video File Format Specification 10.1, Annex E.4, and the
//     extended headers of Enhanced RTMP v1 and v2 ([ParseVideo], [ParseAudio]);
//   - the tracks inside a multitrack payload ([Tracks]).
//
// The codec data itself is never decoded. Parsing does not allocate, keeps no
// reference to its input, and every function is safe for concurrent use; a
// Reader or Writer belongs to one goroutine.
//
// All integers are big endian, all times are milliseconds unless a name says
// otherwise, and all sizes are bytes.
package flv
