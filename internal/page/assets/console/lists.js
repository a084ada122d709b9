// Connections and blocked addresses: tables, with what can be done in each row.
import { byId, text, show, bytes, duration } from '../dom.js';
import * as api from './api.js';
import * as act from './act.js';
import { table, button } from './table.js';

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
