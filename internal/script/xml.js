// XML and XMLNode of server-side ActionScript. native.parseXML reads; the tree and the way back to text are here.
(function (native) {
  "use strict";
  var ELEMENT = 1, TEXT = 3;
  // Where a node hangs. Symbols, so that for…in finds nothing of it.
  var parent = Symbol("parent"), next = Symbol("next"), previous = Symbol("previous"), children = Symbol("children");

  function XMLNode(type, value) { init(this, type === undefined ? ELEMENT : type, value); }

  function init(node, type, value) {
    node.nodeType = type;
    node.nodeName = type === ELEMENT && value !== undefined ? String(value) : null;
    node.nodeValue = type === TEXT ? String(value) : null;
    node.attributes = {};
    node[children] = [];
    node[parent] = node[next] = node[previous] = null;
  }

  function add(into, node) {
    var list = into[children], last = list[list.length - 1] || null;
    node[parent] = into;
    node[previous] = last;
    node[next] = null;
    if (last) last[next] = node;
    list.push(node);
  }

  function take(node) {
    var from = node[parent];
    if (!from) return;
    from[children].splice(from[children].indexOf(node), 1);
    if (node[previous]) node[previous][next] = node[next];
    if (node[next]) node[next][previous] = node[previous];
    node[parent] = node[next] = node[previous] = null;
  }

  // A node cannot be within itself.
  function check(into, node) {
    if (!(node instanceof XMLNode)) throw new TypeError("that is no XMLNode");
    for (var n = into; n; n = node[children].length ? n[parent] : null) if (n === node) throw new TypeError("a node cannot be put into itself");
  }

  var links = {
    childNodes: function () { return this[children]; },
    firstChild: function () { return this[children][0] || null; },
    lastChild: function () { return this[children][this[children].length - 1] || null; },
    parentNode: function () { return this[parent]; },
    nextSibling: function () { return this[next]; },
    previousSibling: function () { return this[previous]; },
    prefix: function () { return this.nodeName === null ? null : this.nodeName.indexOf(":") < 0 ? "" : this.nodeName.split(":")[0]; },
    localName: function () { return this.nodeName === null ? null : this.nodeName.slice(this.nodeName.indexOf(":") + 1); },
    namespaceURI: function () { return this.nodeName === null ? null : this.getNamespaceForPrefix(this.prefix) || ""; },
  };
  Object.keys(links).forEach(function (name) { Object.defineProperty(XMLNode.prototype, name, { get: links[name], configurable: true }); });

  var methods = {
    hasChildNodes: function () { return this[children].length > 0; },
    appendChild: function (node) {
      check(this, node);
      take(node);
      add(this, node);
    },
    insertBefore: function (node, before) {
      check(this, node);
      if (!before || before[parent] !== this || before === node) return;
      take(node);
      this[children].splice(this[children].indexOf(before), 0, node);
      node[parent] = this;
      node[next] = before;
      node[previous] = before[previous];
      if (before[previous]) before[previous][next] = node;
      before[previous] = node;
    },
    removeNode: function () { take(this); },
    cloneNode: function (deep) {
      var copy = new XMLNode(this.nodeType, this.nodeType === TEXT ? this.nodeValue : this.nodeName === null ? undefined : this.nodeName);
      Object.assign(copy.attributes, this.attributes);
      if (deep) this[children].forEach(function (c) { add(copy, c.cloneNode(true)); });
      return copy;
    },
    getNamespaceForPrefix: function (prefix) {
      var key = prefix ? "xmlns:" + prefix : "xmlns";
      for (var n = this; n; n = n[parent]) if (Object.prototype.hasOwnProperty.call(n.attributes, key)) return n.attributes[key];
      return null;
    },
    getPrefixForNamespace: function (uri) {
      for (var n = this; n; n = n[parent]) {
        for (var key in n.attributes) {
          if (n.attributes[key] !== uri) continue;
          if (key === "xmlns") return "";
          if (key.slice(0, 6) === "xmlns:") return key.slice(6);
        }
      }
      return null;
    },
    toString: function () {
      var parts = [];
      print(this, parts);
      return parts.join("");
    },
  };

  var escapes = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&apos;" };
  function escape(text) { return String(text).replace(/[&<>"']/g, function (c) { return escapes[c]; }); }

  function print(node, parts) {
    if (node.nodeType === TEXT) { parts.push(escape(node.nodeValue)); return; }
    var name = node.nodeName;
    if (name !== null) {
      parts.push("<", name);
      Object.keys(node.attributes).forEach(function (k) { parts.push(" ", k, '="', escape(node.attributes[k]), '"'); });
      if (node[children].length === 0) { parts.push(" />"); return; }
      parts.push(">");
    }
    for (var i = 0; i < node[children].length; i++) print(node[children][i], parts);
    if (name !== null) parts.push("</", name, ">");
  }

  function XML(text) {
    init(this, ELEMENT);
    this.status = 0;
    this.loaded = undefined;
    if (text !== undefined && text !== null && text !== "") this.parseXML(text);
  }
  XML.prototype = Object.create(XMLNode.prototype, { constructor: { value: XML, configurable: true, writable: true } });
  XML.prototype.ignoreWhite = false;
  XML.prototype.contentType = "application/x-www-form-urlencoded";

  var document = {
    createElement: function (name) { return new XMLNode(ELEMENT, name); },
    createTextNode: function (text) { return new XMLNode(TEXT, text); },
    parseXML: function (text) {
      this[children].forEach(function (c) { c[parent] = c[next] = c[previous] = null; });
      this[children] = [];
      var at = [this], read = native.parseXML(String(text), !!this.ignoreWhite);
      for (var i = 0; i < read.nodes.length; i++) {
        var n = read.nodes[i], node = n[1] === "" ? new XMLNode(TEXT, n[2]) : new XMLNode(ELEMENT, n[1]);
        for (var a = 3; a < n.length; a += 2) node.attributes[n[a]] = n[a + 1];
        add(at[n[0]], node);
        at[n[0] + 1] = node;
      }
      this.status = read.status;
      this.xmlDecl = read.declaration || undefined;
      this.docTypeDecl = read.docType || undefined;
    },
    toString: function () { return (this.xmlDecl || "") + (this.docTypeDecl || "") + XMLNode.prototype.toString.call(this); },
    cloneNode: function (deep) {
      var copy = new XML();
      if (deep) this[children].forEach(function (c) { add(copy, c.cloneNode(true)); });
      return copy;
    },
    load: function (url) { this.loaded = false; return native.ask(this, undefined, "GET", url, this); },
    send: function (url, target, method) { return native.ask(this, String(this), method === "GET" ? "GET" : "POST", url, {}); },
    sendAndLoad: function (url, into, method) { into.loaded = false; return native.ask(this, String(this), method === "GET" ? "GET" : "POST", url, into); },
    onData: function (text) {
      if (text !== undefined) this.parseXML(text);
      this.loaded = text !== undefined;
      if (typeof this.onLoad === "function") this.onLoad(this.loaded);
    },
  };
  function give(proto, list) {
    Object.keys(list).forEach(function (name) { Object.defineProperty(proto, name, { value: list[name], configurable: true, writable: true }); });
  }
  give(XMLNode.prototype, methods);
  give(XML.prototype, document);
  give(XML.prototype, native.requests);
  globalThis.XMLNode = XMLNode;
  globalThis.XML = XML;
  native.xml = XML;
  native.xmlNode = XMLNode.prototype;
})
