// Small pieces for making and updating the document. Everything that comes from the server is
// set as text, never as markup.

// el makes an element. Properties named in lower case with a dash, role and for become
// attributes; class is className; on* are listeners; children are nodes or texts.
export function el(tag, props = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (name.startsWith('on')) node.addEventListener(name.slice(2), value);
    else if (name === 'class') node.className = value;
    else if (name.includes('-') || name === 'role' || name === 'for') node.setAttribute(name, value);
    else node[name] = value;
  }
  node.append(...children);
  return node;
}

export const byId = (id) => document.getElementById(id);

// text sets a node's text, and leaves the document alone when it is that already: what is
// selected stays selected, and screen readers are not told again.
export function text(node, value) {
  if (node.textContent !== value) node.textContent = value;
}

export function show(node, on) {
  if (node.hidden === on) node.hidden = !on;
}

// keyed makes the children of parent follow items: one child for each key, made once, updated
// in place, so that focus and selection survive.
export function keyed(parent, items, keyOf, make, update) {
  const old = new Map([...parent.children].map((c) => [c.dataset.key, c]));
  let at = parent.firstElementChild;
  for (const item of items) {
    const key = keyOf(item);
    let node = old.get(key);
    old.delete(key);
    if (!node) {
      node = make(item);
      node.dataset.key = key;
    }
    if (node === at) at = at.nextElementSibling;
    else parent.insertBefore(node, at);
    update(node, item);
  }
  for (const node of old.values()) node.remove();
}

// part finds a child that make marked with data-part.
export const part = (node, name) => node.querySelector(`[data-part="${name}"]`);

export function bytes(n) {
  if (n < 1000) return `${n} B`;
  for (const unit of ['kB', 'MB', 'GB']) {
    n /= 1000;
    if (n < 1000) return `${n < 10 ? n.toFixed(1) : Math.round(n)} ${unit}`;
  }
  return `${(n / 1000).toFixed(1)} TB`;
}

export function bits(n) {
  if (n < 1e6) return `${Math.round(n / 1e3)} kbit/s`;
  return `${(n / 1e6).toFixed(1)} Mbit/s`;
}

export function duration(ms) {
  const s = Math.max(0, Math.floor(ms / 1000));
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min ${s % 60} s`;
  if (s < 86400) return `${Math.floor(s / 3600)} h ${Math.floor((s % 3600) / 60)} min`;
  return `${Math.floor(s / 86400)} d ${Math.floor((s % 86400) / 3600)} h`;
}

// ago is coarser than duration: it changes seldom.
export function ago(ms) {
  if (ms < 5000) return 'just now';
  if (ms < 60000) return `${Math.floor(ms / 5000) * 5} s ago`;
  if (ms < 3600000) return `${Math.floor(ms / 60000)} min ago`;
  return `${duration(ms)} ago`;
}

export const count = (n, one, many) => `${n} ${n === 1 ? one : many}`;
