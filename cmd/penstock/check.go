package main

// checkCmd judges servers and clients by what they say on the wire.
type checkCmd struct {
	Client  checkClientCmd  `cmd:"" help:"Judge an RTMP client: be its server, another one for every case."`
	Compare checkCompareCmd `cmd:"" help:"Show reports (--format json) side by side, or one of them in another format."`
}
