// Package media is the live part of Penstock: it takes the audio, video and data
// messages of a publisher and hands them to every subscriber of the same name.
//
//   - A [Registry] maps names to streams. [Registry.Publish] and
//     [Registry.Subscribe] are the two ways in; a name needs no set-up, and
//     disappears with its last publisher and subscriber.
//   - A [Frame] is one message: parsed once, cut into RTMP chunks once, shared by
//     all players, never changed.
//   - A [Publication] is a publisher's hold on a name. It turns the publisher's 32 bit
//     timestamps into stream time with a [Clock].
//   - A [Subscriber] receives frames. [Queue] is the one for a network player: it
//     is bounded and drops whole runs of video when the player is slow.
//
// A newcomer gets, in one step with the publisher's frames held back, so that
// nothing is missing and nothing comes twice: the Published marker, the metadata,
// the colour information, the sequence headers of video and of audio, the frames
// since the last key frame, and then the live frames.
//
// Nothing here knows connections. A relay, a recorder, an HTTP outlet and a test
// use the same calls as an RTMP session.
//
// Times are milliseconds, sizes bytes. The package starts no goroutines.
// The lock order is Registry, Stream, Queue; no I/O is done under any of them.
package media
