// Package accesslog writes who connected, published and played, and with which x-status that ended, in the W3C extended log
// format with the events, categories and fields of Flash Media Server's access log. The file is bounded: at a length it is
// renamed, and so many renamed ones are kept.
package accesslog

import (
	"bufio"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync"
	"time"
)

// Options configure a Log.
type Options struct {
	File        string
	MaxBytes    int64 // length at which the file is renamed
	Keep        int   // how many renamed ones are kept
	StreamNames bool  // write whole stream names, which are keys for many
	Software    string
	Log         *slog.Logger // what goes wrong with the file
}

const (
	maxQueue = 4096             // lines that wait to be written; more are left out, and counted in the file
	retry    = 10 * time.Second // how long a file that failed is left alone
)

// Log is safe for concurrent use. Refusal, Session and Stream wait for nothing and can be a server's observers.
type Log struct {
	o     Options
	queue chan []byte
	stop  chan struct{}
	done  chan struct{}
	once  sync.Once

	mu   sync.Mutex
	lost uint64 // lines that found no place in the queue

	// Goroutine of run only.
	file   *os.File
	out    *bufio.Writer
	size   int64
	unsure uint64 // lines in out, which are lost when it cannot be written
	failed time.Time
	said   bool
}

// Open starts a log. A file that cannot be written is logged, tried again later, and no error.
func Open(o Options) *Log {
	l := &Log{o: o, queue: make(chan []byte, maxQueue), stop: make(chan struct{}), done: make(chan struct{})}
	l.reopen()
	go l.run()
	return l
}

func (l *Log) write(text []byte) {
	select {
	case l.queue <- text:
	default:
		l.mu.Lock()
		l.lost++
		l.mu.Unlock()
	}
}

// Close writes what waits and closes the file.
func (l *Log) Close() {
	l.once.Do(func() { close(l.stop) })
	<-l.done
}

func (l *Log) run() {
	defer close(l.done)
	for {
		select {
		case text := <-l.queue:
			l.put(text)
			if len(l.queue) == 0 {
				l.flush()
			}
		case <-l.stop:
			for len(l.queue) > 0 {
				l.put(<-l.queue)
			}
			l.flush()
			if l.file != nil {
				_ = l.file.Close()
			}
			return
		}
	}
}

// put writes a line to the buffer; the file is renamed before a line that it has no room for.
func (l *Log) put(text []byte) {
	if l.file == nil && (time.Since(l.failed) < retry || !l.reopen()) {
		l.miss(1)
		return
	}
	if l.size > 0 && l.size+int64(len(text)) > l.o.MaxBytes {
		l.flush()
		if l.file == nil || !l.rotate() {
			l.miss(1)
			return
		}
	}
	l.mu.Lock()
	lost := l.lost
	l.lost = 0
	l.mu.Unlock()
	if lost > 0 {
		l.append(fmt.Appendf(nil, "#Remark: %d lines were left out\n", lost))
	}
	l.append(text)
	l.unsure++
}

func (l *Log) append(text []byte) {
	n, _ := l.out.Write(text) // the error comes again with Flush
	l.size += int64(n)
}

func (l *Log) miss(n uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lost += n
}

func (l *Log) flush() {
	if l.file == nil {
		return
	}
	err := l.out.Flush()
	if err != nil {
		_ = l.file.Close()
		l.fail(err)
		l.miss(l.unsure)
	}
	l.unsure = 0
}

func (l *Log) fail(err error) {
	l.file, l.failed = nil, time.Now()
	if !l.said {
		l.o.Log.Error("the access log cannot be written", "file", l.o.File, "error", err, "retry", retry)
	}
	l.said = true
}

// reopen appends to the file, behind a header of its own.
func (l *Log) reopen() bool {
	f, err := os.OpenFile(l.o.File, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o640)
	if err != nil {
		l.fail(err)
		return false
	}
	info, err := f.Stat()
	if err != nil {
		_ = f.Close()
		l.fail(err)
		return false
	}
	if l.said {
		l.o.Log.Info("the access log can be written again", "file", l.o.File)
	}
	l.file, l.out, l.size, l.said = f, bufio.NewWriter(f), info.Size(), false
	now := time.Now().UTC().Format(time.DateTime)
	l.append(fmt.Appendf(nil, "#Version: 1.0\n#Start-Date: %s\n#Software: %s\n#Date: %s\n#Fields: %s\n", now, l.o.Software, now, strings.Join(fields, "\t")))
	l.flush()
	return l.file != nil
}

// rotate makes FILE FILE.1, FILE.1 FILE.2 and so on, and begins a new FILE.
func (l *Log) rotate() bool {
	_ = l.file.Close()
	l.file = nil
	name := func(i int) string { return fmt.Sprintf("%s.%d", l.o.File, i) }
	if l.o.Keep == 0 {
		if err := os.Remove(l.o.File); err != nil {
			l.fail(err)
			return false
		}
		return l.reopen()
	}
	for i := l.o.Keep - 1; i > 0; i-- {
		_ = os.Rename(name(i), name(i+1)) // there may be fewer
	}
	if err := os.Rename(l.o.File, name(1)); err != nil {
		l.fail(err)
		return false
	}
	return l.reopen()
}
