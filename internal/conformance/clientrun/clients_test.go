package clientrun

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
	"time"

	"penstock/flv"
	"penstock/rtmp"
	"penstock/rtmp/chunk"
	"penstock/rtmp/handshake"
)

// client is one client: a good one, or one with a fault.
func client(task string, args []string) int {
	url := args[0]
	err := clients[task](url, args[1:])
	if err != nil {
		fmt.Fprintln(os.Stderr, "client:", err)
		return 1
	}
	return 0
}

var clients = map[string]func(url string, files []string) error{
	"publish":          goodPublisher,
	"play":             goodPlayer,
	"mute":             func(url string, files []string) error { return quietly(goodPublisher(url, files)) },
	"cheerful":         func(url string, files []string) error { _ = goodPublisher(url, files); return nil },
	"cheerful publish": func(url string, files []string) error { _ = goodPublisher(url, files); return nil },
	"cheerful play":    func(url string, files []string) error { _ = goodPlayer(url, files); return nil },
	"loop": func(url string, files []string) error {
		for {
			_ = goodPublisher(url, files)
		}
	},
	"crash": func(url string, files []string) error {
		if err := goodPublisher(url, files); err != nil {
			_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
			time.Sleep(time.Minute)
		}
		return nil
	},
	"hang": func(url string, files []string) error {
		if err := goodPublisher(url, files); err != nil {
			signals := make(chan os.Signal, 1)
			signal.Notify(signals, syscall.SIGINT)
			go func() { // and will not end
				<-signals
				fmt.Println("interrupted")
			}()
			fmt.Println(err)
			time.Sleep(time.Hour)
		}
		return nil
	},
	"children": func(url string, files []string) error {
		left := exec.Command("sh", "-c", `trap "" INT TERM; sleep 3600`) // which an interrupt does not end
		left.Stdout = os.Stdout                                          // held open
		if err := left.Start(); err != nil {
			return err
		}
		fmt.Println("left behind:", left.Process.Pid)
		return goodPublisher(url, files)
	},
	"chatter": func(url string, files []string) error {
		go func() {
			line := bytes.Repeat([]byte("\x1b[31mnoise\r\x00 "), 1000)
			for {
				_, _ = os.Stdout.Write(line)
			}
		}()
		return goodPublisher(url, files)
	},
	"garbage": func(url string, _ []string) error {
		return rawly(url, func(w io.Writer) error { return write(w, bytes.Repeat([]byte{0xFF}, 4096)) })
	},
	"flood": func(url string, _ []string) error {
		return rawly(url, func(w io.Writer) error {
			ping := []byte{2, 0, 0, 0, 0, 0, 6, 4, 0, 0, 0, 0, 0, 6, 0, 0, 0, 1}
			all := bytes.Repeat(ping, 1000)
			for {
				if err := write(w, all); err != nil {
					return err
				}
			}
		})
	},
	"asleep": func(url string, _ []string) error {
		return rawly(url, func(io.Writer) error {
			time.Sleep(time.Hour)
			return nil
		})
	},
	"http": func(url string, _ []string) error {
		return dially(url, func(nc net.Conn) error { return write(nc, []byte("GET / HTTP/1.1\r\n\r\n")) })
	},
	"ping": func(url string, files []string) error {
		return publisherWith(url, files, func(c *rtmp.Client) error { return c.Conn().Send(rtmp.NewUserControl(rtmp.EventPingRequest, 1)) }, func(int, *flv.Tag) {})
	},
	"mangle": func(url string, files []string) error {
		return publisher(url, files, func(n int, t *flv.Tag) {
			if n == 50 {
				t.Body[len(t.Body)-1] ^= 1
			}
		})
	},
	"jumpy": func(url string, files []string) error {
		return publisher(url, files, func(n int, t *flv.Tag) {
			if n > 50 {
				t.Time += 500
			}
		})
	},
	"lossy": func(url string, files []string) error {
		return player(url, files, func(n int) bool { return n != 50 })
	},
	"nothing": func(_ string, files []string) error { return fmt.Errorf("cannot read %s", files[0]) },
}

func quietly(err error) error {
	if err != nil {
		os.Exit(1)
	}
	return nil
}

func write(w io.Writer, b []byte) error {
	_, err := w.Write(b)
	return err
}

func dial(url string) (*rtmp.Client, context.Context, error) {
	ctx := context.Background()
	c, err := rtmp.Dial(ctx, url, &rtmp.ClientConfig{Timeout: patience, Trace: fault(), Limits: rtmp.Limits{Chunk: chunk.Limits{MinChunkSize: 1}}, Capabilities: &rtmp.Capabilities{CapsEx: 2}})
	if err != nil {
		return nil, nil, err
	}
	ended, cancel := context.WithCancelCause(ctx)
	go func() { // ends with the process
		<-c.Done()
		cancel(c.Err())
	}()
	return c, ended, nil
}

// patience is how long a good client waits for its server.
const patience = 10 * time.Second

// publisher publishes a file; each tag may be changed on its way.
func publisher(url string, files []string, change func(n int, t *flv.Tag)) error {
	return publisherWith(url, files, func(*rtmp.Client) error { return nil }, change)
}

func publisherWith(url string, files []string, first func(*rtmp.Client) error, change func(n int, t *flv.Tag)) error {
	c, ctx, err := dial(url)
	if err != nil {
		return err
	}
	defer c.Close()
	if err := first(c); err != nil {
		return err
	}
	u, err := rtmp.ParseURL(url)
	if err != nil {
		return err
	}
	asked, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	s, err := c.Publish(asked, u.Stream)
	if err != nil {
		return err
	}
	go func() { // ends with the process
		for {
			if _, err := s.Read(ctx); err != nil {
				return
			}
		}
	}()
	f, err := os.Open(files[0])
	if err != nil {
		return err
	}
	last := int64(-1)
	for r, n := flv.NewReader(bufio.NewReader(f)), 0; ; n++ {
		var t flv.Tag
		if err := r.ReadTag(&t); errors.Is(err, io.EOF) {
			return s.Close()
		} else if err != nil {
			return err
		}
		pause := time.Duration(0)
		if last >= 0 {
			pause = time.Duration(t.Time-uint32(last)) * time.Millisecond / 4 // four times as fast, and never in a hurry
		}
		last = int64(t.Time)
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		change(n, &t)
		switch t.Type {
		case flv.TagAudio:
			err = s.WriteAudio(ctx, t.Time, t.Body)
		case flv.TagVideo:
			err = s.WriteVideo(ctx, t.Time, t.Body)
		}
		if err != nil {
			return errors.Join(err, context.Cause(ctx))
		}
	}
}

func goodPublisher(url string, files []string) error {
	return publisher(url, files, func(int, *flv.Tag) {})
}

func goodPlayer(url string, files []string) error {
	return player(url, files, func(int) bool { return true })
}

// player plays into a file what keep lets it.
func player(url string, files []string, keep func(n int) bool) error {
	c, ctx, err := dial(url)
	if err != nil {
		return err
	}
	defer c.Close()
	u, err := rtmp.ParseURL(url)
	if err != nil {
		return err
	}
	asked, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	s, err := c.Play(asked, u.Stream, rtmp.PlayOptions{UntilEnd: true})
	if err != nil {
		return err
	}
	f, err := os.Create(append(files, os.DevNull)[0])
	if err != nil {
		return err
	}
	w := flv.NewWriter(f)
	if err := w.WriteHeader(true, true); err != nil {
		return err
	}
	for n := 0; ; {
		patient, cancel := context.WithTimeout(ctx, patience)
		ev, err := s.Read(patient)
		cancel()
		switch {
		case errors.Is(err, io.EOF):
			return f.Close()
		case err != nil:
			return errors.Join(err, context.Cause(ctx))
		case ev.Type != rtmp.TypeAudio && ev.Type != rtmp.TypeVideo:
			continue
		}
		if n++; keep(n) {
			if err := w.WriteTag(&flv.Tag{Type: flv.TagType(ev.Type), Time: ev.Timestamp, Body: ev.Payload}); err != nil {
				return err
			}
		}
	}
}

// dially opens a TCP connection and no more.
func dially(url string, do func(net.Conn) error) error {
	u, err := rtmp.ParseURL(url)
	if err != nil {
		return err
	}
	nc, err := net.Dial("tcp", u.Address())
	if err != nil {
		return err
	}
	defer nc.Close()
	if err := do(nc); err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, nc)
	return err
}

// rawly does the handshake, and then what do does.
func rawly(url string, do func(io.Writer) error) error {
	return dially(url, func(nc net.Conn) error {
		if _, err := handshake.Client(nc, handshake.Options{}); err != nil {
			return err
		}
		return do(nc)
	})
}
