// Applications, their instances, and the shared objects of those with their values as they are now.
import { el, byId, text, show, keyed, part, bytes, count, duration } from '../dom.js';
import * as api from './api.js';
import * as act from './act.js';
import { table, button } from './table.js';

const most = 500; // rows of a list; the API has the rest
const page = 100; // slots on one page
const kinds = { script: 'a script', program: 'a program', plain: 'its clients alone' };
const instanceName = (name) => (name === '_definst_' ? 'default instance' : name);
const to = (...path) => `#applications/${path.map(encodeURIComponent).join('/')}`;
const ago = (time) => (time ? `for ${duration(Date.now() - Date.parse(time))}` : '–');
const more = (answer) => (answer.next ? `Only the first ${most} are shown; the API has them all.` : '');

// visible shows what would change the order of letters, or nothing, as an escape.
const visible = (s) => s.replace(/[\u0000-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g,
  (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`);

// facts fills a list of descriptions.
function facts(list, pairs) {
  keyed(list, pairs, ([name]) => name, ([name]) => el('div', {}, el('dt', {}, name), el('dd', { 'data-part': 'value' })),
    (node, [, value]) => text(part(node, 'value'), value));
}

export class Applications {
  constructor(may) {
    this.may = may;
    this.path = []; // application, instance, object
    this.after = ''; // where the page of slots begins
    this.tables = { apps: this.appsTable(), instances: this.instancesTable(), objects: this.objectsTable(), slots: this.slotsTable() };
    byId('object-next').onclick = () => this.turn(this.next);
    byId('object-first').onclick = () => this.turn('');
  }

  enter() { return this.refresh(); }

  leave() {}

  // interval is shorter where values are looked at.
  get interval() { return this.path.length === 3 ? 1000 : 0; }

  // at goes to a place below the list: what follows the view's name in the address.
  at(parts) {
    try {
      this.path = parts.filter((p) => p !== '').slice(0, 3).map(decodeURIComponent);
    } catch { // not one of our links
      this.path = [];
    }
    this.after = '';
    byId('slots').replaceChildren();
  }

  turn(after) {
    this.after = after;
    return dispatchEvent(new Event('changed'));
  }

  async refresh() {
    const { path } = this;
    const [answer, others] = await [() => this.allApps(), () => this.oneApp(), () => this.oneInstance(), () => this.oneObject()][path.length]();
    if (path !== this.path) return; // somebody has gone elsewhere meanwhile
    ['apps-all', 'app-one', 'instance-one', 'object-one'].forEach((id, i) => show(byId(id), i === path.length));
    this.showPath();
    [this.showApps, this.showApp, this.showInstance, this.showObject][path.length].call(this, answer, others);
  }

  showPath() {
    const names = ['Applications', ...this.path];
    if (names[2]) names[2] = instanceName(names[2]);
    text(byId('apps-title'), visible(names.at(-1)));
    const above = names.slice(0, -1).map((name, i) => ({ name, href: i ? to(...this.path.slice(0, i)) : '#applications' }));
    show(byId('apps-path'), above.length > 0);
    keyed(byId('apps-path'), above, (a) => a.href, (a) => el('a', { href: a.href }), (node, a) => text(node, visible(a.name)));
  }

  async allApps() { return [(await api.get('apps')).apps]; }

  showApps(list) {
    this.apps = list;
    table(byId('apps'), list, this.tables.apps);
    show(byId('apps-empty'), list.length === 0);
  }

  appsTable() {
    return {
      label: 'Applications', keyOf: (a) => `${a.name} ${a.loaded}`,
      columns: [
        ['Application', (a) => a.name, (a) => to(a.name)],
        ['State', (a) => (a.redirect ? `sends its clients to ${a.redirect}` : a.loaded ? 'loaded' : 'not loaded: refuses everyone')],
        ['Connections', (a) => String(a.sessions)],
        ['Streams', (a) => String(a.streams)],
        ['Players', (a) => String(a.players)],
      ],
      buttons: this.may('admin') && ((a) => {
        if (a.redirect) return [];
        const now = () => this.apps.find((x) => x.name === a.name) || a;
        return a.loaded ? [button('Unload …', () => act.unload(a.name, now().sessions), true)] : [button('Load …', () => act.load(a.name))];
      }),
    };
  }

  async oneApp() { return [await api.get('instances', { app: this.path[0], limit: most })]; }

  showApp(answer) {
    this.instances = answer.instances;
    table(byId('instances'), answer.instances, this.tables.instances);
    show(byId('instances-empty'), answer.instances.length === 0);
    text(byId('instances-more'), more(answer));
  }

  instancesTable() {
    return {
      label: 'Instances', keyOf: (i) => `${i.app}/${i.instance} ${i.running}`,
      columns: [
        ['Instance', (i) => visible(instanceName(i.instance)), (i) => to(i.app, i.instance)],
        ['Runs', (i) => (i.running ? ago(i.since) : 'not now')],
        ['Made of', (i) => (i.running ? kinds[i.kind] : 'what was stored')],
        ['Connections', (i) => String(i.sessions)],
        ['Calls', (i) => String(i.calls + i.callsRefused)],
        ['Shared objects', (i) => String(i.objects)],
      ],
      buttons: this.may('operator') && ((i) => {
        const now = () => this.instances.find((x) => x.app === i.app && x.instance === i.instance) || i;
        return i.running ? [button('Unload …', () => act.unloadInstance(now(), instanceName(i.instance)), true)] : [];
      }),
    };
  }

  async oneInstance() {
    const [app, instance] = this.path;
    const all = await Promise.all([
      api.get('instances', { app, instance }), api.get('objects', { app, instance, limit: most }),
      api.get('sessions', { app, instance }), api.get('instances/log', { app, instance })]);
    return [all[0].instances[0], all.slice(1)];
  }

  showInstance(i, [objects, { sessions }, { lines }]) {
    show(byId('instance-facts'), Boolean(i));
    if (i) {
      facts(byId('instance-facts'), [
        ['Runs', i.running ? ago(i.since) : 'not now'],
        ['Made of', i.running ? kinds[i.kind] : 'what was stored'],
        ['Connections', i.peak > i.sessions ? `${i.sessions}, ${i.peak} at most` : String(i.sessions)],
        ['Accepted', count(i.accepted, 'client', 'clients') + (i.refused ? `, ${i.refused} refused` : '')],
        ['Calls', i.callsRefused ? `${i.calls}, and ${i.callsRefused} refused` : String(i.calls)],
        ['Received', bytes(i.bytesIn)],
        ['Sent', bytes(i.bytesOut)],
      ]);
    }
    show(byId('instance-gone'), !i);
    byId('instance-actions').replaceChildren(...(i?.running && this.may('operator')
      ? [byId('instance-actions').firstChild || button('Unload …', () => act.unloadInstance(this.instance, instanceName(this.instance.instance)), true)] : []));
    this.instance = i;
    table(byId('objects'), objects.objects, this.tables.objects);
    show(byId('objects-empty'), objects.objects.length === 0);
    text(byId('objects-more'), more(objects));
    table(byId('members'), sessions.slice(0, most), members);
    show(byId('members-empty'), sessions.length === 0);
    show(byId('instance-log-title'), lines.length > 0);
    const entries = lines.toReversed();
    keyed(byId('instance-log'), entries, (l) => `${l.time} ${l.text}`, (l) => el('li', { class: l.level === 'ERROR' ? 'bad' : '' },
      el('time', { dateTime: l.time, class: 'quiet' }, new Date(l.time).toLocaleTimeString()), el('span', {}, visible(l.text))), () => {});
  }

  objectsTable() {
    return {
      label: 'Shared objects', keyOf: (o) => o.name,
      columns: [
        ['Name', (o) => visible(o.name), (o) => to(this.path[0], this.path[1], o.name)],
        ['Is kept', (o) => (o.persistent ? 'for good' : 'as long as somebody uses it')],
        ['Slots', (o) => (o.inMemory ? String(o.slots) : 'stored')],
        ['Size', (o) => (o.inMemory ? bytes(o.bytes) : '–')],
        ['Used by', (o) => String(o.members)],
      ],
    };
  }

  async oneObject() {
    const [app, instance, name] = this.path;
    try {
      return [await api.get('objects/slots', { app, instance, name, limit: page, after: this.after })];
    } catch (e) {
      if (e.status !== 404) throw e;
      return [null];
    }
  }

  showObject(answer) {
    show(byId('object-there'), Boolean(answer));
    show(byId('object-gone'), !answer);
    const o = answer ? answer.object : {};
    const own = answer ? o.members - answer.sharing : 0;
    const wanted = !answer || !this.may('operator') ? '' : o.persistent ? 'all' : 'clear';
    if (byId('object-actions').dataset.has !== wanted) {
      byId('object-actions').dataset.has = wanted;
      byId('object-actions').replaceChildren(
        ...(wanted ? [button('Empty …', () => act.clearObject(...this.path), true)] : []),
        ...(wanted === 'all' ? [button('Delete …', () => act.deleteObject(...this.path), true)] : []));
    }
    if (!answer) return;
    facts(byId('object-facts'), [
      ['Is kept', o.persistent ? 'for good' : 'as long as somebody uses it'],
      ['Version', String(o.version)],
      ['Slots', String(o.slots)],
      ['Size', bytes(o.bytes)],
      ['Used by', o.inMemory ? count(answer.sharing, 'connection', 'connections') + (own > 0 ? `, ${own === 1 ? 'and' : `and ${own} times`} by the server itself` : '') : 'nobody: it is only stored'],
    ]);
    table(byId('slots'), answer.slots, this.tables.slots);
    show(byId('slots-empty'), answer.slots.length === 0);
    this.next = answer.next;
    show(byId('object-next'), Boolean(answer.next));
    show(byId('object-first'), this.after !== '');
  }

  slotsTable() {
    return {
      label: 'Values', keyOf: (s) => s.slot,
      columns: [
        ['Slot', (s) => visible(s.slot)],
        ['Value', (s) => visible('value' in s ? JSON.stringify(s.value) : s.cut)],
        ['Type', (s) => s.type],
        ['Version', (s) => String(s.version)],
      ],
      changed: (row, s) => {
        const was = row.dataset.version;
        row.dataset.version = s.version;
        if (was === undefined) {
          row.children[1].className = 'value';
          return;
        }
        if (was === row.dataset.version) return;
        row.classList.add('changed');
        setTimeout(() => row.classList.remove('changed'), 1500);
      },
    };
  }
}

const members = {
  label: 'Connections', keyOf: (s) => s.id,
  columns: [
    ['Program', (s) => s.software],
    ['Address', (s) => s.peer],
    ['Connected', (s) => ago(s.since)],
    ['Uses', (s) => s.sharing.map(visible).join(', ') || 'no shared object'],
  ],
};
