package script

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"penstock/amf"
	"penstock/status"
)

// The tree of XML, made by parsing and by hand, and its way back to text.
func TestXML(t *testing.T) {
	s := serve(t, `
		function parsed(text, white) { var x = new XML(); x.ignoreWhite = !white; x.parseXML(text); return x; }
		Client.prototype.round = function (text) { return String(parsed(text)); };
		Client.prototype.status = function (text) { var x = parsed(text); return [x.status, x.childNodes.length, x.hasChildNodes()]; };
		Client.prototype.walk = function (text) {
			var said = [];
			(function walk(n, depth) {
				for (var c = n.firstChild; c != null; c = c.nextSibling) {
					if (c.parentNode !== n || (c.nextSibling ? c.nextSibling.previousSibling !== c : n.lastChild !== c)) said.push("broken");
					said.push(depth + ":" + (c.nodeType == 1 ? c.nodeName : "'" + c.nodeValue + "'"));
					for (var a in c.attributes) said.push("@" + a + "=" + c.attributes[a]);
					walk(c, depth + 1);
				}
			})(parsed(text), 0);
			return said.join(" ");
		};
		Client.prototype.build = function () {
			var x = new XML(), a = x.createElement("a"), b = x.createElement("b"), t = x.createTextNode("<t>");
			x.xmlDecl = "<?xml version='1.0'?>";
			x.appendChild(a); a.appendChild(t); a.insertBefore(b, t); b.attributes.q = '"';
			var first = x.toString();
			b.appendChild(t);                       // it moves
			var copy = a.cloneNode(true), flat = a.cloneNode(false);
			b.removeNode();
			return [first, String(x), String(copy), String(flat), copy.parentNode, b.parentNode, t.parentNode === b, a.childNodes.length, a.lastChild];
		};
		Client.prototype.names = function () {
			var x = parsed("<p:a xmlns:p='u' xmlns='d'><c/></p:a>"), a = x.firstChild;
			return [a.prefix, a.localName, a.namespaceURI, a.firstChild.prefix, a.firstChild.namespaceURI, a.firstChild.getPrefixForNamespace("u"), a.getNamespaceForPrefix("z")];
		};
		Client.prototype.self = function () { var n = new XMLNode(1, "a"); n.appendChild(n); };
		Client.prototype.cycle = function () { var x = parsed("<a><b/></a>"), a = x.firstChild; a.firstChild.appendChild(a); };
		Client.prototype.keys = function () { var n = [], x = new XML("<a/>"); for (var k in x.firstChild) n.push(k); for (var k in new XML()) n.push(k); return n.join(); };
		Client.prototype.deep = function () { var x = new XML(), at = x; for (var i = 0; i < 1500; i++) { var e = x.createElement("e"); at.appendChild(e); at = e; } return String(x).length; };
		Client.prototype.many = function () { var n = 0, x = parsed("<a>" + "<b/>".repeat(10000) + "</a>"); for (var c = x.firstChild.firstChild; c; c = c.nextSibling) n++; return [n, x.status]; };
		Client.prototype.isXML = function (x) { return [x instanceof XML, x instanceof XMLNode, x.firstChild.nodeName, "" + x]; };
		Client.prototype.give = function (what) { var x = new XML("<a><b>1</b></a>"); return what == "node" ? x.firstChild.firstChild : x; };
	`, func(o *Options) { o.EntryTime = time.Minute })
	p := s.open("a")
	wantCalls(t, p,
		[2]string{`round <?xml version="1.0"?><!DOCTYPE a><a b="1" c='&apos;'><d/>x &amp; y<![CDATA[<z>]]></a>`,
			`"<?xml version=\"1.0\"?><!DOCTYPE a><a b=\"1\" c=\"&apos;\"><d />x &amp; y&lt;z&gt;</a>"`},
		[2]string{"status <a/>", "[0 1 true]"}, [2]string{"status ", "[0 0 false]"}, [2]string{"status <a><b></a>", "[-9 1 true]"}, [2]string{"status <a b='", "[-8 0 false]"},
		[2]string{`walk <a><b x="1" y="2">t</b> <c/></a>`, `"0:a 1:b @x=1 @y=2 2:'t' 1:c"`},
		[2]string{"build", `["<?xml version='1.0'?><a><b q=\"&quot;\" />&lt;t&gt;</a>" "<?xml version='1.0'?><a />" "<a><b q=\"&quot;\">&lt;t&gt;</b></a>" "<a />" null null true 0 null]`},
		[2]string{"names", `["p" "a" "u" "" "d" "p" null]`},
		[2]string{"keys", `"nodeType,nodeName,nodeValue,attributes,nodeType,nodeName,nodeValue,attributes,status,loaded,ignoreWhite,contentType"`},
		[2]string{"many", "[10000 0]"},
	)
	for _, name := range []string{"self", "cycle", "deep"} {
		p.WantError(p.Call(name), status.CallFailed)
	}
	for _, v := range []amf.Value{amf.XML("<a>1</a>"), amf.XMLDocument("<a>1</a>")} {
		if got := call(p, "isXML", v); got != `[true true "a" "<a>1</a>"]` {
			t.Errorf("%T: %s", v, got)
		}
	}
	for what, want := range map[string]amf.Value{"node": amf.XMLDocument("<b>1</b>"), "document": amf.XMLDocument("<a><b>1</b></a>")} {
		if m := p.WantResult(p.Call("give", what)); m.Args[0] != want {
			t.Errorf("give %s: %#v", what, m.Args[0])
		}
	}
}

// XML is loaded and sent over HTTP, as LoadVars is, with its type and headers; what never comes or is too large is told as not loaded.
func TestXMLRequests(t *testing.T) {
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/large":
			_, _ = w.Write(make([]byte, maxAnswerBytes+1))
		case "/missing":
			http.NotFound(w, r)
		case "/broken":
			fmt.Fprint(w, "<a><b></a>")
		default:
			body, _ := io.ReadAll(r.Body)
			fmt.Fprintf(w, "<r method='%s' type='%s' key='%s'>%s</r>", r.Method, r.Header.Get("Content-Type"), r.Header.Get("X-Key"), body)
		}
	}))
	defer web.Close()
	s := serve(t, `
		function heard(x, name) {
			x.ignoreWhite = true;
			x.onHTTPStatus = function (code) { this.code = code; };
			x.onLoad = function (ok) { trace(name + " " + ok + " " + this.loaded + " " + this.status + " " + this.code + " " + this.getBytesLoaded() + " " + this); };
			return x;
		}
		Client.prototype.load = function (url) { var x = heard(new XML(), url.replace(/.*\//, "")); var was = x.load(url); return [was, x.loaded]; };
		Client.prototype.send = function (url) {
			var x = new XML("<q>1</q>");
			x.contentType = "text/xml";
			x.addRequestHeader("X-Key", "k");
			return x.sendAndLoad(url, heard(new XML(), "sent"));
		};
		Client.prototype.vars = function (url) {
			var v = new LoadVars();
			v.a = 1;
			v.addRequestHeader(["X-Key", "list"]);
			return v.sendAndLoad(url, heard(new XML(), "vars")) && v.toString();
		};
		Client.prototype.tooMany = function (url) { var x = new XML(); for (var i = 0; i < 100; i++) x.addRequestHeader("X-" + i, "1"); return x.load(url); };
	`)
	p := s.open("a")
	wantCalls(t, p, [2]string{"load " + web.URL + "/ok", "[true false]"}, [2]string{"load " + web.URL + "/large", "[true false]"},
		[2]string{"load " + web.URL + "/missing", "[true false]"}, [2]string{"load " + web.URL + "/broken", "[true false]"},
		[2]string{"send " + web.URL + "/x", "true"}, [2]string{"vars " + web.URL + "/x", `"a=1"`}, [2]string{"tooMany " + web.URL, "false"})
	quoted := func(s string) string { return strings.ReplaceAll(s, `"`, `\"`) }
	for _, words := range []string{
		quoted(`ok true true 0 200 35 <r method="GET" type="" key="" />`), "large false false 0 200 undefined", "missing false false 0 404 undefined",
		"broken true true -9 200 10 <a><b /></a>", quoted(`sent true true 0 200 53 <r method="POST" type="text/xml" key="k"><q>1</q></r>`),
		quoted(`<r method="POST" type="application/x-www-form-urlencoded" key="list">a=1</r>`),
	} {
		s.logs(words)
	}
	s.logs("more than 64 headers")
}
