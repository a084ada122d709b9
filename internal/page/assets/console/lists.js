// Connections, applications and blocked addresses: tables, with what can be done in each row.
import { el, byId, text, show, keyed, bytes, duration } from '../dom.js';
import * as api from './api.js';
import * as act from './act.js';

// table keeps the roles of a table even where narrow screens show each row as a block. columns are names with the text of a cell;
// buttons makes what stands at the end of a row.
function table(parent, list, { label, keyOf, columns, buttons }) {
  if (!parent.firstChild) {
    const names = [...columns.map(([name]) => name), ...(buttons ? [''] : [])];
    const head = el('tr', { role: 'row' }, ...names.map((name) => el('th', { role: 'columnheader', scope: 'col' }, name)));
    parent.append(el('table', { role: 'table', 'aria-label': label }, el('thead', { role: 'rowgroup' }, head), el('tbody', { role: 'rowgroup' })));
  }
  show(parent.firstChild, list.length > 0);
  const make = (item) => el('tr', { role: 'row' },
    ...columns.map(([name]) => el('td', { role: 'cell', 'data-label': name })),
    ...(buttons ? [el('td', { role: 'cell', class: 'buttons' }, ...buttons(item))] : []));
  keyed(parent.querySelector('tbody'), list, keyOf, make, (row, item) => columns.forEach(([, value], i) => text(row.children[i], value(item))));
}

const button = (label, work, bad) => el('button', { type: 'button', class: bad ? 'bad' : '', onclick: work }, label);
const host = (peer) => peer.replace(/:\d+$/, '').replace(/^\[|\]$/g, '');
const short = (network) => network.replace(/\/(32|128)$/, (size) => (network.includes(':') === (size === '/128') ? '' : size));

function does(s) {
  return [...(s.publishing || []).map((k) => `publishes ${k}`), ...(s.playing || []).map((k) => `plays ${k}`)].join(', ') || 'nothing yet';
}

export class Connected {
  constructor(may) {
    this.list = [];
    this.table = {
      label: 'Connections', keyOf: (s) => s.id,
      columns: [
        ['Program', (s) => `${s.software}${s.secure ? ' (encrypted)' : ''}`],
        ['Address', (s) => s.peer],
        ['Application', (s) => (s.instance && s.instance !== '_definst_' ? `${s.app}/${s.instance}` : s.app)],
        ['Does', does],
        ['Connected', (s) => `for ${duration(Date.now() - Date.parse(s.since))}`],
        ['Received', (s) => bytes(s.bytesIn)],
        ['Sent', (s) => bytes(s.bytesOut) + (s.queueDrops ? `, ${s.queueDrops} frames left out` : '')],
      ],
      buttons: may('operator') && ((s) => [button('Kick …', () => act.kick(s), true), button('Block …', () => act.block(host(s.peer)), true)]),
    };
    byId('connected-find').addEventListener('input', () => this.show());
  }

  enter() { return this.refresh(); }

  leave() {}

  async refresh() {
    this.list = (await api.get('sessions')).sessions;
    this.show();
  }

  show() {
    const wanted = byId('connected-find').value.trim().toLowerCase();
    const found = this.list.filter((s) => [s.software, s.peer, s.app, s.id, s.flashVer, does(s)].join(' ').toLowerCase().includes(wanted));
    table(byId('sessions'), found.toReversed(), this.table);
    show(byId('sessions-empty'), found.length === 0);
    text(byId('sessions-empty'), this.list.length ? 'None of the connections fits.'
      : 'No program is connected. OBS, FFmpeg and others are listed here as soon as they connect; if one says that it cannot, look under “Refused”.');
  }
}

export class Applications {
  constructor(may) {
    this.table = {
      label: 'Applications', keyOf: (a) => `${a.name} ${a.loaded}`,
      columns: [
        ['Application', (a) => a.name],
        ['State', (a) => (a.redirect ? `sends its clients to ${a.redirect}` : a.loaded ? 'loaded' : 'not loaded: refuses everyone')],
        ['Connections', (a) => String(a.sessions)],
        ['Streams', (a) => String(a.streams)],
        ['Players', (a) => String(a.players)],
      ],
      buttons: may('admin') && ((a) => {
        if (a.redirect) return [];
        const now = () => this.list.find((x) => x.name === a.name) || a;
        return a.loaded ? [button('Unload …', () => act.unload(a.name, now().sessions), true)] : [button('Load …', () => act.load(a.name))];
      }),
    };
  }

  enter() { return this.refresh(); }

  leave() {}

  async refresh() {
    this.list = (await api.get('apps')).apps;
    table(byId('apps'), this.list, this.table);
    show(byId('apps-empty'), this.list.length === 0);
  }
}

export class Blocked {
  constructor(may) {
    this.table = {
      label: 'Blocked addresses', keyOf: (b) => b.network,
      columns: [
        ['Address or network', (b) => short(b.network)],
        ['Until', (b) => (b.until && Date.parse(b.until) > 0 ? `for ${duration(Date.parse(b.until) - Date.now())} more` : 'somebody unblocks it')],
        ['Is told', (b) => b.text || '–'],
        ['Blocked by', (b) => b.by || '–'],
      ],
      buttons: may('operator') && ((b) => [button('Unblock …', () => act.unblock(b.network, short(b.network)))]),
    };
    show(byId('block-add'), may('operator'));
    byId('block-add').onclick = () => act.block('');
  }

  enter() { return this.refresh(); }

  leave() {}

  async refresh() {
    const { blocks } = await api.get('blocks');
    table(byId('blocks'), blocks, this.table);
    show(byId('blocks-empty'), blocks.length === 0);
  }
}
