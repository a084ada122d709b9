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
