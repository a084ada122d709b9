// Bounds of what the engine does by itself, where it can neither be interrupted nor knows of memory: one call of these could keep a
// processor for hours, or take the whole process with it.
(function (native) {
  "use strict";
  var most = 16 * 1024 * 1024; // elements, or characters, of one result
  var apply = Reflect.apply, construct = Reflect.construct, isArray = Array.isArray;

  function lengthOf(o) { return o === null || o === undefined ? 0 : Number(o.length) || 0; }
  function bound(holder, name, size, limit) {
    var f = holder[name];
    if (typeof f !== "function") return;
    limit = limit || most;
    Object.defineProperty(holder, name, { configurable: true, writable: true, value: function () {
      if (apply(size, this, arguments) > limit) throw new RangeError(name + ": that is too large");
      return apply(f, this, arguments);
    } });
  }
  function lengths(args) {
    var n = 0;
    for (var i = 0; i < args.length; i++) n += typeof args[i] === "string" || isArray(args[i]) ? args[i].length : 1;
    return n;
  }

  // An array with one element at 4294967290 is as long as that, and everything here goes through all of it.
  ["copyWithin", "every", "fill", "filter", "find", "findIndex", "findLast", "findLastIndex", "flatMap", "forEach", "includes", "indexOf",
    "lastIndexOf", "map", "reduce", "reduceRight", "reverse", "shift", "slice", "some", "sort", "splice", "toLocaleString", "toReversed", "toSorted",
    "toSpliced", "toString", "unshift", "values", "with"].forEach(function (name) {
    bound(Array.prototype, name, function () { return lengthOf(this); });
  });
  Object.defineProperty(Array.prototype, Symbol.iterator, { configurable: true, writable: true, value: Array.prototype.values }); // of spreads
  bound(Array.prototype, "concat", function () { return lengthOf(this) + lengths(arguments); });
  bound(Array.prototype, "join", function (separator) {
    var n = lengthOf(this), size = n * (separator === undefined ? 1 : String(separator).length);
    if (n > most || size > most) return Infinity;
    for (var i = 0; i < n; i++) if (typeof this[i] === "string") size += this[i].length;
    return size;
  });
  bound(Array, "from", function (o) { return o && typeof o === "object" ? lengthOf(o) : 0; });
  Object.defineProperty(Array.prototype, "flat", { configurable: true, writable: true, value: function flat(depth) {
    var out = [];
    (function take(list, left) {
      if (lengthOf(list) > most) throw new RangeError("flat: that is too large");
      for (var i = 0; i < list.length; i++) {
        if (!(i in list)) continue;
        if (left > 0 && isArray(list[i])) take(list[i], left - 1);
        else if (out.push(list[i]) > most) throw new RangeError("flat: that is too large");
      }
    })(this, depth === undefined ? 1 : Math.min(Number(depth) || 0, 500));
    return out;
  } });

  bound(String.prototype, "repeat", function (n) { return String(this).length * Number(n); });
  bound(String.prototype, "padStart", function (n) { return Number(n); });
  bound(String.prototype, "padEnd", function (n) { return Number(n); });
  bound(String.prototype, "concat", function () { return String(this).length + lengths(arguments); });
  bound(String, "raw", function (template) { return lengthOf(template && template.raw); });
  // What replaces may be long, and what is replaced may be there often. Counted only when it could matter.
  ["replace", "replaceAll"].forEach(function (name) {
    bound(String.prototype, name, function (pattern, by) {
      if (typeof by === "function") return 0;
      var text = String(this), all = name === "replaceAll" || (pattern instanceof RegExp && pattern.global), size = String(by).length;
      if (String(by).indexOf("$") >= 0) size += String(by).split("$").length * text.length;
      if (!all || (text.length + 1) * size <= most) return size;
      var found = pattern instanceof RegExp ? text.match(pattern) : text.split(String(pattern));
      return (found ? found.length : 0) * size;
    });
  });

  bound(Function.prototype, "apply", function (self, args) { return lengthOf(args); }, 1 << 20);
  bound(Reflect, "apply", function (f, self, args) { return lengthOf(args); }, 1 << 20);
  bound(Reflect, "construct", function (f, args) { return lengthOf(args); }, 1 << 20);

  bound(Object.getPrototypeOf(Uint8Array), "from", lengthOf);
  ["ArrayBuffer", "Uint8Array", "Int8Array", "Uint8ClampedArray", "Int16Array", "Uint16Array", "Int32Array", "Uint32Array", "Float32Array", "Float64Array",
    "BigInt64Array", "BigUint64Array"].forEach(function (name) {
    var Real = globalThis[name];
    if (!Real) return;
    var Bounded = function () {
      var size = typeof arguments[0] === "object" ? lengthOf(arguments[0]) : Number(arguments[0]);
      if (size > most) throw new RangeError(name + ": that is too large");
      if (!new.target) return Real(); // which throws
      return construct(Real, arguments, new.target === Bounded ? Real : new.target);
    };
    Object.getOwnPropertyNames(Real).forEach(function (key) {
      if (key !== "length") Object.defineProperty(Bounded, key, Object.getOwnPropertyDescriptor(Real, key)); // prototype and name too
    });
    Object.setPrototypeOf(Bounded, Object.getPrototypeOf(Real));
    Real.prototype.constructor = Bounded;
    globalThis[name] = Bounded;
  });

  // Both of these are recursive within the engine, so that depth is stack of the process; the second may go through one value any number of times.
  var parse = JSON.parse, stringify = JSON.stringify;
  function deep() { return new RangeError("JSON: that is nested too deep"); }
  JSON.parse = function (text, reviver) {
    if (native.nestsTooDeep(String(text))) throw deep();
    return reviver === undefined ? parse(text) : parse(text, reviver);
  };
  JSON.stringify = function (value, replacer, space) {
    if (isArray(replacer)) { // first to what is bounded, then as asked
      var whole = stringify(value, native.counted());
      return whole === undefined ? undefined : stringify(parse(whole), replacer, space);
    }
    return stringify(value, native.counted(typeof replacer === "function" ? replacer : undefined), space);
  };
})
