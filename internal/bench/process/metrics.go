package process

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// maxMetrics is how much of an answer is read, in bytes.
const maxMetrics = 16 << 20

// The metrics that every Prometheus client library exports for its process.
const (
	metricCPU = "process_cpu_seconds_total"
	metricRSS = "process_resident_memory_bytes"
)

// Endpoint is a Meter of a process that shows its metrics at a URL, in the Prometheus text format.
type Endpoint string

// Read implements Meter. It takes five seconds at the most.
func (e Endpoint) Read() (Usage, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, string(e), nil)
	if err != nil {
		return Usage{}, fmt.Errorf("metrics: %w", err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return Usage{}, fmt.Errorf("metrics: %w", err)
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		return Usage{}, fmt.Errorf("metrics: %s answers %s", e, resp.Status)
	}
	return parseMetrics(io.LimitReader(resp.Body, maxMetrics))
}

func parseMetrics(r io.Reader) (Usage, error) {
	var u Usage
	found := 0
	s := bufio.NewScanner(r)
	s.Buffer(nil, 1<<20)
	for s.Scan() {
		name, value, ok := strings.Cut(s.Text(), " ")
		if !ok || name != metricCPU && name != metricRSS {
			continue
		}
		v, _, _ := strings.Cut(value, " ") // a time may follow
		f, err := strconv.ParseFloat(v, 64)
		if err != nil {
			return Usage{}, fmt.Errorf("metrics: %s: %w", name, err)
		}
		found++
		if name == metricCPU {
			u.CPU = time.Duration(f * float64(time.Second))
		} else {
			u.RSS = int64(f)
		}
	}
	if err := s.Err(); err != nil {
		return Usage{}, fmt.Errorf("metrics: %w", err)
	}
	if found < 2 {
		return Usage{}, fmt.Errorf("metrics: the answer has no %s and %s", metricCPU, metricRSS)
	}
	return u, nil
}
