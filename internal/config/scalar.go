package config

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Size is a number of bytes, written as a number or with a unit: 4MiB, 64KiB, 1GiB, or the decimal kB, MB and GB.
type Size int

// Duration is a length of time with its unit: 500ms, 5s, 2m, 12h.
type Duration time.Duration

func units() []struct {
	name string
	size int
} {
	return []struct {
		name string
		size int
	}{{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {"kB", 1e3}, {"KB", 1e3}, {"MB", 1e6}, {"GB", 1e9}, {"B", 1}}
}

// ParseSize reads a Size.
func ParseSize(s string) (Size, error) {
	digits, factor := strings.TrimSpace(s), 1
	for _, u := range units() {
		if rest, ok := strings.CutSuffix(digits, u.name); ok {
			digits, factor = strings.TrimSpace(rest), u.size
			break
		}
	}
	n, err := strconv.ParseUint(digits, 10, 62)
	if err != nil || n > 1<<50/uint64(factor) {
		return 0, fmt.Errorf("%q is not a size, such as 65536, 64KiB or 4MiB", s)
	}
	return Size(n) * Size(factor), nil
}

// Bitrate is bits a second, written as a number or with a unit of a thousand: 800k, 6M, 1.5M.
type Bitrate int

// ParseBitrate reads a Bitrate.
func ParseBitrate(s string) (Bitrate, error) {
	digits, factor := strings.TrimSpace(s), 1.0
	for _, u := range []struct {
		name string
		size float64
	}{{"k", 1e3}, {"M", 1e6}, {"G", 1e9}} {
		if rest, ok := strings.CutSuffix(digits, u.name); ok {
			digits, factor = rest, u.size
			break
		}
	}
	n, err := strconv.ParseFloat(digits, 64)
	if err != nil || !(n >= 0 && n*factor <= 1e15) {
		return 0, fmt.Errorf("%q is not a bit rate, such as 800k, 6M or 6000000", s)
	}
	return Bitrate(n * factor), nil
}

// String is the bit rate in the largest unit that divides it.
func (b Bitrate) String() string {
	for _, u := range []struct {
		name string
		size Bitrate
	}{{"G", 1e9}, {"M", 1e6}, {"k", 1e3}} {
		if b != 0 && b%u.size == 0 {
			return fmt.Sprintf("%d%s", b/u.size, u.name)
		}
	}
	return strconv.Itoa(int(b))
}

// String is the size in the largest unit that divides it.
func (s Size) String() string {
	for _, u := range []struct {
		name string
		size Size
	}{{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}} {
		if s != 0 && s%u.size == 0 {
			return fmt.Sprintf("%d%s", s/u.size, u.name)
		}
	}
	return strconv.Itoa(int(s))
}

// ParseDuration reads a Duration.
func ParseDuration(s string) (Duration, error) {
	d, err := time.ParseDuration(strings.TrimSpace(s))
	if err != nil || d < 0 {
		return 0, fmt.Errorf("%q is not a length of time with its unit, such as 500ms, 5s or 2m", s)
	}
	return Duration(d), nil
}

// String is the duration without units that are zero.
func (d Duration) String() string {
	s := time.Duration(d).String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}
