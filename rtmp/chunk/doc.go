/*
Package chunk cuts RTMP messages into chunks and puts them together again
(Adobe RTMP 1.0 §5.3 and §5.4, with the errata of 2024 by M. Thornburgh).

An RTMP connection carries messages: a type, a message stream id, a timestamp
in ms and up to 16 MiB of payload. Each message travels on a chunk stream, in
pieces of at most the chunk size, and the pieces of different chunk streams may
alternate. A chunk head leaves out what it has in common with its predecessor
on the same chunk stream:

	basic header    fmt 2 bits, chunk stream id 6 bits; 1 to 3 bytes in all
	message header  type 0: timestamp 24, length 24, type 8, stream id 32 (little-endian)
	                type 1: delta 24, length 24, type 8
	                type 2: delta 24
	                type 3: nothing
	timestamp       32 bits, if the 24-bit field is 0xFFFFFF

Numbers are big-endian but for the message stream id, and the chunk stream id
of the 3-byte form.

# Reading

A [Reader] returns whole messages from an io.Reader. It keeps the state of
every chunk stream, obeys Set Chunk Size and Abort, and counts bytes for
acknowledgements. It never allocates by an announced length: memory follows
what has arrived. All a peer could exaggerate has a named limit in [Limits];
who exceeds one gets a [LimitError] with the option's name and the value.

# Writing

[Append] cuts a message without any state, so that the result suits every peer
with the same chunk size: that is how a live stream is cut once for a thousand
players. A [Writer] belongs to one connection, keeps its chunk size and can
shorten heads.

[SplitAggregate] takes aggregate messages apart.

The package knows nothing of what messages mean. It does no I/O but to call
Read, and starts no goroutines.
*/
package chunk
