// Package rtmptest is the other end of an RTMP connection, for tests. A test of a server reads
// as the conversation it is about:
//
//	p := rtmptest.Dial(t, addr)
//	p.Handshake()
//	p.Connect("live")
//	p.WantStatus(status.ConnectSuccess)
//	p.Publish("camera")
//	p.WantStatus(status.PublishStart)
//	p.SendVideo(0, frame)
//	p.Close()
//
// and a test of a client has a server that follows a script:
//
//	addr := rtmptest.Serve(t, func(p *rtmptest.Peer) {
//		p.Handshake()
//		p.Refuse(p.WantCommand("connect"), status.New(status.ConnectRejected, "Go away."))
//		p.Send(rtmp.CloseCommand())
//	})
//
// A Peer does nothing by itself: it does not acknowledge, answer pings or follow windows, and
// it reads only while something is wanted. Every Want has a deadline. What the Want methods
// skip on their way is recorded, and a failure prints the conversation so far.
package rtmptest
