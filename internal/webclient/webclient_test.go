package webclient

import (
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
)

// What is embedded is what the TypeScript says it exports, and a browser is told to ask each time.
func TestHandler(t *testing.T) {
	types, err := os.ReadFile("npm/dist/penstock.d.ts")
	if err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	Handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, Path, nil))
	if w.Code != http.StatusOK || !strings.HasPrefix(w.Header().Get("Content-Type"), "text/javascript") {
		t.Fatalf("%d %v", w.Code, w.Header())
	}
	for _, name := range []string{"NetConnection", "NetStatusError", "NetStream", "SharedObject", "TypedObject"} {
		if !strings.Contains(string(types), name) || !strings.Contains(w.Body.String(), "\n  "+name) {
			t.Errorf("%s is not exported", name)
		}
	}
	if strings.Contains(w.Body.String(), "import ") {
		t.Error("the module needs another file")
	}
	r := httptest.NewRequest(http.MethodGet, Path, nil)
	r.Header.Set("If-None-Match", w.Header().Get("ETag"))
	again := httptest.NewRecorder()
	Handler().ServeHTTP(again, r)
	if again.Code != http.StatusNotModified {
		t.Errorf("unchanged, and yet %d", again.Code)
	}
}
