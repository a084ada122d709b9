package sharedobject

import "strings"

// Paths are beginnings of objects' names, segment by segment: "room" is room and room/x, not roomy. "/" is all names.
type Paths []string

// ParsePaths reads paths divided by semicolons, as in a Flash Media Server client's readAccess and writeAccess.
func ParsePaths(s string) Paths {
	var p Paths
	for path := range strings.SplitSeq(s, ";") {
		if path = strings.TrimSpace(path); path != "" {
			p = append(p, path)
		}
	}
	return p
}

// Allow reports whether name is within one of the paths.
func (p Paths) Allow(name string) bool {
	for _, path := range p {
		path = strings.Trim(path, "/")
		rest, ok := strings.CutPrefix(name, path)
		if path == "" || ok && (rest == "" || rest[0] == '/') {
			return true
		}
	}
	return false
}
