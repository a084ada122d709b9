package auth

import (
	"net/url"
	"strings"
)

// userInfo is the user:pass@ of a URL. It is taken apart by hand, since passwords are often not escaped.
func userInfo(raw string) (user, password string, ok bool) {
	_, rest, ok := strings.Cut(raw, "://")
	if !ok {
		return "", "", false
	}
	authority, _, _ := strings.Cut(rest, "/")
	i := strings.LastIndexByte(authority, '@')
	if i < 0 {
		return "", "", false
	}
	user, password, ok = strings.Cut(authority[:i], ":")
	return unescape(user), unescape(password), ok
}

func unescape(s string) string {
	if u, err := url.PathUnescape(s); err == nil {
		return u
	}
	return s
}
