package handshake_test

import (
	"errors"
	"fmt"
	"net"
	"time"

	"penstock/rtmp/handshake"
)

func Example() {
	client, server := net.Pipe()
	defer client.Close()
	defer server.Close()

	go func() {
		// One deadline for the whole handshake, not one for each read.
		server.SetDeadline(time.Now().Add(5 * time.Second))
		handshake.Server(server, handshake.Options{})
	}()
	r, err := handshake.Client(client, handshake.Options{Digest: true})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(r.Scheme, r.PeerVersion)
	// Output: digest-a [4 5 0 1]
}

func ExampleVersionError() {
	client, server := net.Pipe()
	defer client.Close()
	go func() {
		defer server.Close()
		server.Read(make([]byte, 4096))
		server.Write([]byte("HTTP/1.1 400 Bad Request\r\n\r\n"))
	}()

	_, err := handshake.Client(client, handshake.Options{})
	var v *handshake.VersionError
	if errors.As(err, &v) && v.Kind == handshake.HTTP {
		fmt.Printf("this is an HTTP server: %.12s\n", v.First)
	}
	// Output: this is an HTTP server: HTTP/1.1 400
}

func ExampleSniff() {
	fmt.Println(handshake.Sniff(0x03), handshake.Sniff(0x16), handshake.Sniff('G'))
	// Output: RTMP TLS HTTP
}
