// Why was it refused? Each refusal in words for people who do not know RTMP: what happened, what the client was told, what to change.
import { el, byId, text, show, keyed, part, bytes, ago, duration, count } from '../dom.js';
import * as api from './api.js';
import * as act from './act.js';

const page = 30; // refusals asked for at a time
const pause = 1000; // ms between two searches, however many refusals come
const again = 10000; // ms until the stream of refusals is asked for again

const endings = {
  acknowledged: 'The program received that and hung up.',
  left: 'The program hung up by itself.',
  lost: 'The connection broke off, so the program may not have received it.',
};

export class Refused {
  constructor(may) {
    this.may = may;
    this.list = [];
    this.next = '';
    this.session = '';
    this.end = () => {};
    byId('search').addEventListener('submit', (e) => { e.preventDefault(); this.session = ''; this.search(); });
    byId('search').addEventListener('change', () => { show(byId('search-between'), byId('search-when').value === 'between'); this.search(); });
    byId('search-clear').addEventListener('click', () => this.only({}));
    byId('refused-more').addEventListener('click', () => this.more());
  }

  enter() {
    this.listen();
    return this.search();
  }

  leave() {
    this.end();
    clearTimeout(this.timer);
    this.timer = null;
  }

  listen() {
    this.opened = Date.now();
    this.end = api.refusals(() => this.soon(), (on, closed) => {
      this.live = on;
      this.closed = closed;
      this.state();
    });
  }

  // refresh keeps the words for how long ago true, and asks when nobody tells.
  refresh() {
    this.show();
    if (!this.live) this.soon();
    if (this.closed && Date.now() - this.opened > again) this.listen();
  }

  // soon asks again, at most once in a while: a crowd that is refused must not be a crowd of questions.
  soon() {
    this.timer ??= setTimeout(() => { this.timer = null; this.ask().catch((e) => this.failed(e)); }, pause);
  }

  query() {
    const when = byId('search-when').value;
    const iso = (id) => (byId(id).value ? new Date(byId(id).value).toISOString() : '');
    const [, app = '', stream] = /^(?:([^/]+)\/(?:.*\/)?)?([^/]*)$/.exec(byId('search-stream').value.trim()) || [];
    const q = { ip: byId('search-ip').value.trim(), app, stream, q: byId('search-words').value.trim(), stage: byId('search-stage').value, session: this.session, limit: page };
    if (when === 'between') Object.assign(q, { from: iso('search-from'), to: iso('search-to') });
    else if (when) q.from = new Date(Date.now() - when * 1000).toISOString();
    return q;
  }

  // only searches for one thing.
  only({ ip = '', session = '' }) {
    byId('search').reset();
    show(byId('search-between'), false);
    byId('search-ip').value = ip;
    this.session = session;
    this.search();
    scrollTo({ top: 0 });
  }

  async search() {
    this.list = [];
    this.next = '';
    this.turn = {};
    try {
      await this.ask();
    } catch (e) {
      this.failed(e);
    }
  }

  failed(e) {
    if (e.status === 401) dispatchEvent(new Event('denied'));
    this.error = e.message;
    this.show();
  }

  // ask gets the newest page, and keeps the older ones that are shown already.
  async ask() {
    const { turn } = this;
    const answer = await api.get('refusals', this.query());
    if (turn !== this.turn) return; // another search has begun
    const fresh = new Set(answer.refusals.map((r) => r.id));
    const seam = this.list.findLastIndex((r) => fresh.has(r.id)); // -1: so many came that they do not meet
    const rest = answer.next && seam >= 0 ? this.list.slice(seam + 1) : [];
    if (rest.length === 0) this.next = answer.next || '';
    this.list = [...answer.refusals, ...rest];
    this.error = '';
    this.memory = answer.storage === 'memory';
    this.show();
  }

  async more() {
    const { turn } = this;
    try {
      const answer = await api.get('refusals', { ...this.query(), cursor: this.next });
      if (turn !== this.turn) return;
      const known = new Set(this.list.map((r) => r.id));
      this.list.push(...answer.refusals.filter((r) => !known.has(r.id)));
      this.next = answer.next || '';
      this.show();
    } catch (e) {
      this.failed(e);
    }
  }

  show() {
    keyed(byId('refusals'), this.list, keyOf, (r) => this.make(r), (node, r) => update(node, r));
    const filtered = Object.entries(this.query()).some(([k, v]) => v && k !== 'limit');
    show(byId('refused-empty'), this.list.length === 0);
    text(byId('refused-empty'), this.error || (filtered
      ? 'Nothing was refused that fits. Was it another address? Programs behind one router share one. Or it never came here: check the host and port that the program was given.'
      : 'Nobody has been refused. When it happens, you can read here who it was, what they wanted and why they did not get it.'));
    show(byId('refused-more'), this.next !== '');
    this.state();
  }

  state() {
    const words = [this.live ? 'New ones appear by themselves.' : 'New ones do not appear by themselves at the moment.'];
    if (this.list.length) words.unshift(this.next ? `The newest ${this.list.length}.` : `${count(this.list.length, 'entry', 'entries')}.`);
    if (this.session) words.unshift('Only one connection.');
    if (this.memory) words.push('They are kept in memory only, and forgotten when the server restarts.');
    text(byId('refused-state'), words.join(' '));
  }

  // now is an entry as it is now: the last of its refusals.
  now(r) { return this.list.find((x) => x.id === r.id) || r; }

  make(r) {
    const who = r.software || 'Somebody';
    const from = r.ip ? el('button', { type: 'button', class: 'link', title: 'Everything from this address', onclick: () => this.only({ ip: r.ip }) }, r.ip) : 'an unknown address';
    const told = r.code
      ? [el('code', {}, r.code), r.description ? ` “${r.description}”` : '']
      : ['Nothing: the connection could only be closed.'];
    const rows = [
      ['What happened', el('strong', { class: 'why' }, sentence(r.why))],
      ['It was told', ...told, el('span', { class: 'quiet', 'data-part': 'ending' })],
      ['What to change', r.advice || '–', r.rule ? el('span', { class: 'quiet' }, ' The rule that refused it: ', el('code', {}, r.rule)) : ''],
    ];
    const buttons = [];
    if (r.session) buttons.push(el('button', { type: 'button', onclick: () => this.only({ session: this.now(r).session }) }, 'Only this connection'));
    if (r.ip && this.may('operator')) buttons.push(el('button', { type: 'button', class: 'bad', onclick: () => act.block(r.ip) }, 'Block the address …'));
    return el('li', {},
      el('p', { class: 'when quiet' }, el('time', { dateTime: r.time, 'data-part': 'time' }), ' · ', el('span', { 'data-part': 'ago' })),
      el('h3', {}, sentence(who, ''), ' at ', from, ` wanted ${r.wanted}`),
      el('dl', {}, ...rows.flatMap(([name, ...what]) => [el('dt', {}, name), el('dd', {}, ...what)])),
      el('div', { class: 'foot' },
        el('details', {}, el('summary', {}, 'For experts'), el('p', { 'data-part': 'detail' })),
        el('p', { class: 'buttons' }, ...buttons)));
  }
}

// keyOf is what an entry shows and does not follow: when that changes, it is made anew.
const keyOf = (r) => [r.id, r.ip, r.wanted, r.software, r.code, r.description, r.rule].join('\n');

function update(node, r) {
  const last = new Date(r.last || r.time);
  text(part(node, 'time'), clock(last));
  const times = r.count > 1 ? `, ${r.count} times within ${duration(last - new Date(r.time))}` : '';
  text(part(node, 'ago'), ago(Date.now() - last) + times);
  text(part(node, 'ending'), r.code && endings[r.ending] ? ` ${endings[r.ending]}` : '');
  const detail = [`cause ${r.cause}`, `stage ${r.stage}`, r.xStatus && `x-status ${r.xStatus}`, r.level && `level ${r.level}`, r.session && `session ${r.session}`,
    r.peer && `from ${r.peer}`, r.app && `application ${r.app}`, r.stream && `stream ${r.stream}`, r.flashVer && `flashVer ${r.flashVer}`,
    r.bytesIn !== undefined && `received ${bytes(r.bytesIn)}`];
  text(part(node, 'detail'), detail.filter(Boolean).join(' · '));
}

const sentence = (s, dot = '.') => (s ? s[0].toUpperCase() + s.slice(1) + dot : '');

// clock is the time, with the date unless it is today's.
export function clock(t) {
  const time = t.toLocaleTimeString([], { hour: '2-digit', minute: '2-digit', second: '2-digit' });
  return t.toDateString() === new Date().toDateString() ? time : `${t.toLocaleDateString([], { day: 'numeric', month: 'short', year: 'numeric' })} ${time}`;
}
