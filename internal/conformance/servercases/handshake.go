package servercases

import (
	"bytes"
	"fmt"
	"time"

	"penstock/internal/conformance/judge"
	"penstock/internal/conformance/wire"
)

func handshake() []judge.Case {
	list := []judge.Case{
		{Case: about("simple", "", required, "the simple handshake",
			"C0 and C1 are answered by S0 with version 3, S1 and S2.", "RTMP 1.0 §5.2"), Run: simpleHandshake},
		{Case: about("s2-echo", "", required, "S2 is the echo of C1",
			"In the simple handshake the random bytes of S2 are those of C1.", "RTMP 1.0 §5.2.4"), Run: s2Echo},
		{Case: about("s1-zero", "", required, "S1 claims no digest that it has not",
			"Bytes 4 to 7 of S1 are zero unless S1 has a valid digest: FFmpeg gives up when they are not and the digest is missing.",
			"RTMP 1.0 §5.2.3; FFmpeg libavformat/rtmpproto.c"), Run: s1Zero},
		{Case: about("digest-first", "", required, "a C1 with a digest in the first block",
			"A C1 whose digest is in its first block is answered by an S1 without version, or by an S1 and S2 with valid digests.",
			"FFmpeg and Flash Player verify them"), Run: func(t *judge.Trial) error { return digested(t, wire.DigestFirst, false) }},
		{Case: about("digest-second", "", required, "a C1 with a digest in the second block",
			"A C1 whose digest is in its second block is answered by an S1 without version, or by an S1 and S2 with valid digests.",
			"FFmpeg and Flash Player verify them"), Run: func(t *judge.Trial) error { return digested(t, wire.KeyFirst, false) }},
		{Case: about("digest-answered", "", recommended, "digests are answered by digests",
			"A C1 with a digest is answered by an S1 and S2 with valid digests: without them Flash Player plays no H.264.",
			"Flash Player since 9.0.115"), Run: func(t *judge.Trial) error { return digested(t, wire.DigestFirst, true) }},
		{Case: about("byte-by-byte", "", required, "a handshake in small pieces",
			"A handshake that comes in small segments, the last of which holds connect too, is understood.",
			"TCP has no messages"), Run: smallPieces},
		{Case: about("eager", "", required, "C2 and connect in one segment",
			"C0, C1, C2 and connect sent at once, without waiting for S1, are understood.",
			"clients that do not wait, such as lal's"), Run: eager},
		{Case: about("c2-other", "", recommended, "a C2 that is no echo",
			"A C2 that does not equal S1 is accepted.", "errata and addenda to RTMP 1.0 §3"), Run: otherC2},
		{Case: about("time", "", optional, "C1 with a clock",
			"A C1 whose time is not zero is answered, and S2 repeats it.", "RTMP 1.0 §5.2.3, §5.2.4"), Run: c1Time},
	}
	for i := range list {
		list[i].Once = true
	}
	return section("handshake", "Handshake", list)
}

// greet sends C0 and C1 and reads S0 to S2.
func greet(t *judge.Trial, c1 []byte, text string) (*judge.Conn, *wire.Handshake, error) {
	c, err := t.Dial("")
	if err != nil {
		return nil, nil, err
	}
	if err := c.SendRaw(append([]byte{3}, c1...), "C0 version 3, "+text); err != nil {
		return nil, nil, err
	}
	h, err := c.Raw.ReadServerHandshake()
	if err != nil {
		return nil, nil, judge.Fails("S0, S1 and S2", fmt.Sprintf("%d bytes of S1, %d of S2, then: %v", len(h.First), len(h.Second), err))
	}
	return c, h, nil
}

func simpleHandshake(t *judge.Trial) error {
	c, h, err := greet(t, wire.Block(0, 0, 0), "C1 time 0, version 0")
	if err != nil {
		return err
	}
	if h.Version != 3 {
		return judge.Differs("S0 version 3", fmt.Sprintf("version %d", h.Version))
	}
	return completes(c, h)
}

// completes goes on to connect.
func completes(c *judge.Conn, h *wire.Handshake) error {
	if err := c.SendRaw(wire.Echo(h.First, 0), "C2, the echo of S1"); err != nil {
		return err
	}
	return c.Join()
}

func s2Echo(t *judge.Trial) error {
	c1 := wire.Block(0, 0, 0x11)
	_, h, err := greet(t, c1, "C1 time 0, version 0")
	if err != nil {
		return err
	}
	if !bytes.Equal(h.Second[8:], c1[8:]) {
		return judge.Differs("the 1528 random bytes of C1", fmt.Sprintf("%x… instead of %x…", h.Second[8:24], c1[8:24]))
	}
	return nil
}

func s1Zero(t *judge.Trial) error {
	_, h, err := greet(t, wire.Block(0, 0, 0x22), "C1 time 0, version 0")
	if err != nil {
		return err
	}
	if _, signed := wire.CheckS1(h.First); !signed && !bytes.Equal(h.First[4:8], make([]byte, 4)) {
		return judge.Differs("four zero bytes", fmt.Sprintf("%x, and no digest", h.First[4:8]))
	}
	return nil
}

// ffmpegVersion is what FFmpeg writes into C1: Flash Player 9.0.124.2.
const ffmpegVersion = 0x09007C02

func digested(t *judge.Trial, s wire.Scheme, want bool) error {
	c1 := wire.Block(0, ffmpegVersion, 0)
	wire.SignC1(c1, s)
	c, h, err := greet(t, c1, "C1 version 9.0.124.2, digest in scheme "+s.String())
	if err != nil {
		return err
	}
	if h.First[4] == 0 {
		if want {
			return judge.Differs("an S1 with a digest", "an S1 without version: the simple handshake")
		}
		return completes(c, h)
	}
	scheme, ok := wire.CheckS1(h.First)
	if !ok {
		return judge.Differs("a valid digest in S1", fmt.Sprintf("version %x and no valid digest", h.First[4:8]))
	}
	if !wire.CheckS2(h.Second, c1, s) {
		return judge.Differs("an S2 signed for the digest of C1", "a signature that is not valid")
	}
	if err := c.SendRaw(wire.SignC2(h.First, scheme), "C2, signed for the digest of S1"); err != nil {
		return err
	}
	return c.Join()
}

func smallPieces(t *judge.Trial) error {
	c, err := t.Dial("")
	if err != nil {
		return err
	}
	first := append([]byte{3}, wire.Block(0, 0, 0)...)
	for _, n := range []int{1, 3, 4, 500, 1029} {
		if err := c.SendRaw(first[:n], fmt.Sprintf("%d bytes of C0 and C1", n)); err != nil {
			return err
		}
		first = first[n:]
		time.Sleep(20 * time.Millisecond) // so that the pieces arrive as such
	}
	h, err := c.Raw.ReadServerHandshake()
	if err != nil {
		return judge.Fails("S0, S1 and S2", fmt.Sprintf("%d bytes of S1, %d of S2, then: %v", len(h.First), len(h.Second), err))
	}
	c2 := wire.Echo(h.First, 0)
	if err := c.SendRaw(c2[:700], "700 bytes of C2"); err != nil {
		return err
	}
	return joinBehind(t, c, c2[700:], "the rest of C2")
}

// joinBehind sends bytes and connect in one segment, and waits for the answer.
func joinBehind(t *judge.Trial, c *judge.Conn, before []byte, text string) error {
	m := wire.CommandMessage(false, 0, &wire.Command{Name: "connect", Transaction: 1, Object: t.ConnectObject(t.App)})
	b := wire.AppendMessage(before, m, wire.Cutting{})
	if err := c.SendRaw(b, text+" and connect in one segment"); err != nil {
		return err
	}
	_, err := c.Await("_result of connect", func(h *judge.Heard) bool { return h.Named("_result") })
	return err
}

func eager(t *judge.Trial) error {
	c, err := t.Dial("")
	if err != nil {
		return err
	}
	all := append([]byte{3}, wire.Block(0, 0, 0)...)
	all = append(all, wire.Block(0, 0, 1)...)
	m := wire.CommandMessage(false, 0, &wire.Command{Name: "connect", Transaction: 1, Object: t.ConnectObject(t.App)})
	if err := c.SendRaw(wire.AppendMessage(all, m, wire.Cutting{}), "C0, C1, C2 and connect in one segment"); err != nil {
		return err
	}
	if _, err := c.Raw.ReadServerHandshake(); err != nil {
		return judge.Fails("S0, S1 and S2", err.Error())
	}
	_, err = c.Await("_result of connect", func(h *judge.Heard) bool { return h.Named("_result") })
	return err
}

func otherC2(t *judge.Trial) error {
	c, _, err := greet(t, wire.Block(0, 0, 0), "C1 time 0, version 0")
	if err != nil {
		return err
	}
	if err := c.SendRaw(wire.Block(0, 0, 0x77), "C2, which is no echo"); err != nil {
		return err
	}
	return c.Join()
}

func c1Time(t *judge.Trial) error {
	c, h, err := greet(t, wire.Block(123456, 0, 0), "C1 time 123456, version 0")
	if err != nil {
		return err
	}
	if !bytes.Equal(h.Second[:4], []byte{0, 1, 0xE2, 0x40}) {
		return judge.Differs("time 123456 in S2", fmt.Sprintf("%x", h.Second[:4]))
	}
	return completes(c, h)
}
