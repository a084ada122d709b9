// What every script finds besides what the server itself gives it. native is the server's side.
(function (native) {
  "use strict";
  // A client's methods are its own and those of Client.prototype. Nothing that all objects have can be called from outside.
  native.method = function (client, name) {
    if (name === "constructor" || name.slice(0, 2) === "__") return undefined;
    for (var o = client; o && o !== native.base; o = Object.getPrototypeOf(o)) {
      if (Object.prototype.hasOwnProperty.call(o, name)) return typeof o[name] === "function" ? o[name] : undefined;
    }
    return undefined;
  };

  globalThis.LoadVars = function LoadVars() {};
  LoadVars.prototype.decode = function (text) {
    var self = this;
    String(text).split("&").forEach(function (pair) {
      if (pair === "") return;
      var i = pair.indexOf("=");
      var take = function (s) { return decodeURIComponent(s.replace(/\+/g, " ")); };
      self[take(i < 0 ? pair : pair.slice(0, i))] = i < 0 ? "" : take(pair.slice(i + 1));
    });
  };
  LoadVars.prototype.toString = function () {
    var self = this;
    return Object.keys(self).filter(function (k) { return typeof self[k] !== "function"; })
      .map(function (k) { return encodeURIComponent(k) + "=" + encodeURIComponent(self[k]); }).join("&");
  };

  // What goes with requests, of LoadVars and XML. It is kept beside the object, whose own properties are the variables.
  var about = new WeakMap();
  function request(o) {
    if (!about.has(o)) about.set(o, { headers: [], bytes: undefined });
    return about.get(o);
  }
  native.requests = {
    addRequestHeader: function (name, value) {
      var list = Array.isArray(name) ? name : [name, value], headers = request(this).headers;
      for (var i = 0; i + 1 < list.length; i += 2) headers.push(String(list[i]), String(list[i + 1]));
    },
    getBytesLoaded: function () { return request(this).bytes; },
    getBytesTotal: function () { return request(this).bytes; },
  };

  // load, send and sendAndLoad: onHTTPStatus(code) and onData(text) of whoever gets the answer. How the text is read is its own affair.
  native.ask = function (sender, body, method, url, into) {
    url = String(url);
    if (method === "GET" && body !== undefined) { url += (url.indexOf("?") < 0 ? "?" : "&") + body; body = undefined; }
    return native.request(method, url, body, [String(sender.contentType)].concat(request(sender).headers), function (text, status, bytes) {
      request(into).bytes = bytes;
      if (typeof into.onHTTPStatus === "function") into.onHTTPStatus(status);
      if (typeof into.onData === "function") into.onData(text);
    });
  };
  var members = {
    contentType: "application/x-www-form-urlencoded",
    load: function (url) { return native.ask(this, undefined, "GET", url, this); },
    send: function (url, target, method) { return native.ask(this, String(this), method === "GET" ? "GET" : "POST", url, {}); },
    sendAndLoad: function (url, into, method) { return native.ask(this, String(this), method === "GET" ? "GET" : "POST", url, into); },
    onData: function (text) {
      Object.defineProperty(this, "loaded", { value: text !== undefined, configurable: true, writable: true }); // it is no variable
      if (this.loaded) this.decode(text);
      if (typeof this.onLoad === "function") this.onLoad(this.loaded);
    },
  };
  [members, native.requests].forEach(function (list) { Object.keys(list).forEach(function (name) { LoadVars.prototype[name] = list[name]; }); });
})
