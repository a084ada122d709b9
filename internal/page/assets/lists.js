// What the server is doing: live streams, refusals, connections.
import { el, byId, text, show, keyed, part, bytes, bits, duration, ago, count } from './dom.js';

export function summary(s) {
  const t = s.totals;
  const rate = t.live ? ` · ${bits(t.bitrate)} in` : '';
  return `${t.live} live · ${count(t.viewers, 'viewer', 'viewers')} · ${count(t.connections, 'connection', 'connections')} · ${t.refused} refused${rate}`;
}

// facts is one line about a stream.
export function facts(stream) {
  const video = [stream.video, stream.width ? `${stream.width}×${stream.height}` : '', stream.frameRate ? `${+stream.frameRate.toFixed(2)} fps` : ''];
  return [video.filter(Boolean).join(' '), stream.audio].filter(Boolean).join(' · ') || 'no picture or sound yet';
}

export function streams(s, chosen, choose) {
  const live = s.streams.filter((x) => x.live);
  const waiting = s.streams.filter((x) => !x.live);
  keyed(byId('streams'), [...live, ...waiting], (x) => x.key, (x) => makeCard(x, choose, s.redacted), (node, x) => updateCard(node, x, s, chosen));
  show(byId('streams-empty'), live.length + waiting.length === 0);
  text(byId('streams-empty'), 'Nothing is live yet. Send a picture with OBS or FFmpeg: “Send a picture” on this page has the addresses. ' +
    'To see one at once, start the server as “penstock serve --demo”.');
  const hidden = s.totals.live + s.totals.waiting - s.streams.length;
  show(byId('streams-more'), hidden > 0);
  text(byId('streams-more'), `and ${hidden} more`);
}

function makeCard(stream, choose, redacted) {
  const lines = ['facts', 'rate', 'who'].map((p) => el('span', { class: 'quiet', 'data-part': p }));
  const head = el('span', { class: 'card-head' }, el('strong', { 'data-part': 'name' }), el('span', { class: 'badge', 'data-part': 'badge' }));
  if (redacted) return el('li', {}, el('div', { class: 'card' }, head, ...lines));
  return el('li', {}, el('button', { type: 'button', class: 'card', onclick: () => choose(stream.key) }, head, ...lines));
}

function updateCard(node, x, s, chosen) {
  const on = x.key === chosen;
  const card = node.firstElementChild;
  card.classList.toggle('chosen', on);
  card.classList.toggle('waiting', !x.live);
  if (card.tagName === 'BUTTON') card.setAttribute('aria-pressed', String(on));
  text(part(node, 'name'), x.key);
  text(part(node, 'badge'), x.live ? 'live' : 'waiting');
  const viewers = count(x.viewers, 'viewer', 'viewers');
  if (!x.live) {
    text(part(node, 'facts'), 'Nobody sends it yet');
    text(part(node, 'rate'), `${viewers} waiting`);
    text(part(node, 'who'), '');
    return;
  }
  text(part(node, 'facts'), facts(x));
  text(part(node, 'rate'), `${bits(x.bitrate)} · ${viewers}`);
  text(part(node, 'who'), `for ${duration(s.now - x.since)}${s.redacted ? '' : `, from ${x.publisher || 'this server'}`}`);
}

const clock = (ms) => new Date(ms).toLocaleTimeString([], { hour: '2-digit', minute: '2-digit', second: '2-digit' });

export function refusals(s) {
  const list = s.refusals || [];
  const seen = new Map(); // equal refusals in one ms still get a key each
  const keyOf = (r) => {
    const key = `${r.time}/${r.session}/${r.cause}/${r.wanted}`;
    seen.set(key, (seen.get(key) || 0) + 1);
    return `${key}/${seen.get(key)}`;
  };
  keyed(byId('refusals'), list, keyOf, makeRefusal, (node, r) => text(part(node, 'ago'), ago(s.now - r.time)));
  show(byId('refusals-empty'), list.length === 0);
}

function makeRefusal(r) {
  const who = (r.software || 'somebody') + (r.peer ? ` at ${r.peer}` : '');
  const told = el('p', { class: 'told' }, 'It was told: ');
  if (r.code) told.append(el('code', {}, r.code), r.description ? ` “${r.description}”` : '');
  else told.replaceChildren('It could not be told anything: the connection was only closed.');
  const detail = [`cause ${r.cause}`, r.rule && `rule ${r.rule}`, r.xStatus && `x-status ${r.xStatus}`, r.session && `session ${r.session}`];
  return el('li', {},
    el('p', { class: 'when quiet' }, el('time', { dateTime: new Date(r.time).toISOString() }, clock(r.time)), ' · ', el('span', { 'data-part': 'ago' }),
      r.count > 1 ? ` · ${r.count} times since ${clock(r.first)}` : ''),
    el('p', {}, el('strong', {}, who[0].toUpperCase() + who.slice(1)), ` wanted ${r.wanted}: `, el('strong', { class: 'why' }, `${r.why}.`)),
    told,
    r.advice ? el('p', {}, r.advice) : '',
    el('p', { class: 'quiet detail' }, detail.filter(Boolean).join(' · ')));
}

const columns = [
  ['Who', (c) => (c.peer || 'hidden') + (c.secure ? ' (encrypted)' : '')],
  ['Program', (c) => c.software],
  ['Application', (c) => c.app],
  ['Does', (c) => does(c, 'publishes', 'plays')],
  ['Received', (c) => bytes(c.in)],
  ['Sent', (c) => bytes(c.out)],
];
const since = ['Connected', (c, now) => `for ${duration(now - c.since)}`];
const ended = ['Ended', (c, now) => `${ago(now - c.ended)} after ${duration(c.ended - c.since)}: ${c.reason}`];

function does(c, publishes, plays) {
  const list = [...(c.publishing || []).map((k) => `${publishes} ${k}`), ...(c.playing || []).map((k) => `${plays} ${k}`)];
  return list.join(', ') || '–';
}

export function connections(s) {
  table(byId('connections'), s.connections, [...columns, since], s.now, 'Connected programs');
  show(byId('connections-empty'), s.connections.length === 0);
  const hidden = s.totals.connections - s.connections.length;
  show(byId('connections-more'), hidden > 0);
  text(byId('connections-more'), `and ${hidden} older ones`);
  const gone = s.ended || [];
  const did = columns.map((c) => (c[0] === 'Does' ? ['Did', (x) => does(x, 'published', 'played')] : c));
  table(byId('ended'), gone, [...did, ended], s.now, 'Connections that ended lately');
  show(byId('ended-empty'), gone.length === 0);
}

// table keeps the roles of a table even where narrow screens show each row as a block.
function table(parent, list, cols, now, label) {
  if (!parent.firstChild) {
    const head = el('tr', { role: 'row' }, ...cols.map(([name]) => el('th', { role: 'columnheader', scope: 'col' }, name)));
    parent.append(el('table', { role: 'table', 'aria-label': label }, el('thead', { role: 'rowgroup' }, head), el('tbody', { role: 'rowgroup' })));
  }
  show(parent.firstChild, list.length > 0);
  const make = () => el('tr', { role: 'row' }, ...cols.map(([name]) => el('td', { role: 'cell', 'data-label': name })));
  const seen = new Map();
  const keyOf = (c) => {
    const key = c.id || `${c.since}/${c.ended}`;
    seen.set(key, (seen.get(key) || 0) + 1);
    return `${key}/${seen.get(key)}`;
  };
  keyed(parent.querySelector('tbody'), list, keyOf, make, (row, c) => {
    cols.forEach(([, value], i) => text(row.children[i], value(c, now)));
    row.children[1].title = c.flashVer || '';
  });
}
