/*
Package handshake performs the exchange of 1 + 1536 + 1536 bytes each way with
which an RTMP connection starts (Adobe RTMP 1.0 §5.2).

	C0, S0  1 byte: the version, 3
	C1, S1  time u32, version 4 bytes, 1528 arbitrary bytes
	C2, S2  the peer's C1 or S1 again, its second word replaced by the time at
	        which it was read

Since Flash Player 9 there is a second form, which the RTMP specification does
not describe: C1 and S1 carry a non-zero product version and, at a place the
arbitrary bytes tell, an HMAC-SHA-256 digest over the rest; C2 and S2 end in a
signature of the peer's digest. Flash Player plays H.264 and AAC only from a
server which answers that way, and FFmpeg insists on a valid digest once the
version in S1 is 3 or more. Two schemes are in use, which differ in the place
of the digest; see [Scheme].

[Server] answers each client in its own form. [Client] does either. Neither
compares C2 or S2 with what was sent: too many peers return something else.
Encrypted forms (RTMPE, versions 6, 8 and 9) are recognised and refused.

Both read exactly the bytes of the handshake, so that whatever follows in the
same segment is still there. Neither sets deadlines; a handshake should have an
absolute one, set on the connection before the call. [Sniff] tells the protocol
of a connection by its first byte, for a port which serves several.
*/
package handshake
