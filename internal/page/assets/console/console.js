// The console: who is looking, and which view of the server they see.
import { byId, text, show } from '../dom.js';
import * as api from './api.js';
import { Live } from './live.js';
import { Refused } from './refused.js';
import { Connected, Blocked } from './lists.js';
import { Applications } from './applications.js';

const interval = 2000; // ms between two looks at the server
const roles = ['nobody', 'viewer', 'operator', 'admin'];

let me = { role: 'nobody' };
let views = null; // by name, once somebody is there
let current = null;

const may = (role) => roles.indexOf(me.role) >= roles.indexOf(role);

function notice(message) {
  show(byId('notice'), message !== '');
  text(byId('notice'), message);
}

// look asks who is looking, and shows either the log-in or the console.
async function look() {
  try {
    me = await api.whoAmI();
  } catch (e) {
    notice(e.message);
    setTimeout(look, interval);
    return;
  }
  notice('');
  const inside = may('viewer');
  show(byId('nav'), inside);
  show(byId('me'), inside);
  show(byId('login'), !inside);
  show(byId('log-out'), me.by === 'session');
  show(byId('unguarded'), me.by === 'loopback');
  text(byId('me-name'), me.by === 'loopback' ? '' : me.name);
  text(byId('me-role'), me.role);
  if (inside) {
    await begin();
    return;
  }
  leave();
  const closed = !me.users && !me.tokens;
  text(byId('login-title'), closed ? 'Not from here' : 'Log in');
  text(byId('login-detail'), closed ? me.detail || '' : '');
  show(byId('login-detail'), closed);
  show(byId('login-user'), me.users);
  show(byId('login-tokens'), me.tokens);
  if (!me.users) byId('login-tokens').open = true;
}

async function begin() {
  if (!views) {
    let info = { rtmpPort: '1935', app: 'live' };
    try {
      info = await (await fetch(new URL('../page.json', import.meta.url))).json();
    } catch { /* the usual values will do */ }
    text(byId('version'), info.version || '');
    views = { live: new Live(may, info), refused: new Refused(may), connected: new Connected(may), applications: new Applications(may), blocked: new Blocked(may) };
  }
  route();
}

function leave() {
  if (current) views[current].leave();
  current = null;
  for (const view of document.querySelectorAll('.view')) show(view, false);
}

function route() {
  if (!views) return;
  const [wanted, ...place] = location.hash.slice(1).split('/');
  const name = Object.hasOwn(views, wanted) ? wanted : current || 'live'; // other anchors are places in the document
  if (name === wanted && views[name].at) views[name].at(place);
  else if (name === current) return;
  if (name !== current) leave();
  current = name;
  show(byId(`view-${name}`), true);
  for (const a of byId('nav').children) {
    if (a.hash === `#${name}`) {
      a.setAttribute('aria-current', 'page');
      document.title = `${a.textContent} – Penstock console`;
    } else a.removeAttribute('aria-current');
  }
  attempt(() => views[name].enter());
}

async function attempt(work) {
  try {
    await work();
    notice('');
  } catch (e) {
    if (e.status === 401) look();
    else notice(e.status === 0 ? 'The server does not answer. What you see is from before; the console tries again by itself.' : e.message);
  }
}

async function loop() {
  if (current && !document.hidden) await attempt(() => views[current].refresh());
  setTimeout(loop, (current && views[current].interval) || interval);
}

// enter logs in; nothing of what was typed stays on the page.
async function enter(event, credentials) {
  event.preventDefault();
  show(byId('login-error'), false);
  const sent = credentials();
  byId('login-password').value = '';
  byId('login-secret').value = '';
  try {
    await api.logIn(sent);
    location.reload(); // what was made for one role is not shown to another
  } catch (e) {
    text(byId('login-error'), e.message);
    show(byId('login-error'), true);
  }
}

byId('login-user').addEventListener('submit', (e) => enter(e, () => ({ user: byId('login-name').value, password: byId('login-password').value })));
byId('login-token').addEventListener('submit', (e) => enter(e, () => ({ token: byId('login-secret').value })));
byId('log-out').addEventListener('click', async () => {
  await attempt(() => api.logOut());
  location.reload();
});
addEventListener('hashchange', route);
addEventListener('denied', look);
addEventListener('changed', () => current && attempt(() => views[current].refresh()));
look();
loop();
