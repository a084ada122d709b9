// The page: asks the server for its state once a second and shows it.
import { byId, text, show } from './dom.js';
import { HowTo } from './howto.js';
import { Player } from './player.js';
import * as lists from './lists.js';

const interval = 1000; // ms between two questions
const patience = 5000; // ms that an answer may take

const player = new Player();
let info = { rtmpPort: '1935', app: 'live', demo: false, version: '' };
let howto;
let last; // the newest state

async function get(path) {
  const res = await fetch(path, { cache: 'no-store', signal: AbortSignal.timeout(patience) });
  return [res.status, await res.json()];
}

function choose(key) {
  history.replaceState(null, '', `#${encodeURI(key)}`);
  play(key);
}

function play(key) {
  howto.play(key);
  player.play(key, find(key));
  if (last) lists.streams(last, player.key, choose);
}

// find is what the state says about a stream: null when there is none of the name, undefined
// when we are not told.
const find = (key) => (last && !last.redacted ? last.streams.find((s) => s.key === key) || null : undefined);

function fromHash() {
  try {
    return decodeURI(location.hash.slice(1));
  } catch {
    return '';
  }
}

// pick starts a picture by itself: the stream in the address, else the first that is live.
function pick() {
  if (player.key) return;
  const live = last && !last.redacted ? last.streams.find((s) => s.live) : null;
  const key = fromHash() || (live && live.key) || (!live && info.demo && (!last || last.redacted) ? `${info.app}/demo` : '');
  if (key) play(key);
}

function render(s) {
  last = s;
  text(byId('summary'), lists.summary(s));
  document.title = s.totals.live ? `(${s.totals.live}) Penstock` : 'Penstock';
  pick();
  lists.streams(s, player.key, choose);
  lists.refusals(s);
  lists.connections(s);
  if (player.key) player.facts(find(player.key));
  else player.idle();
}

function notice(message) {
  show(byId('notice'), message !== '');
  text(byId('notice'), message);
}

// refresh returns whether it is worth asking again.
async function refresh() {
  if (document.hidden) return true;
  try {
    const [code, answer] = await get('state.json');
    for (const section of document.querySelectorAll('[data-state]')) show(section, code === 200);
    if (code === 200) {
      notice('');
      render(answer);
      return true;
    }
    text(byId('summary'), '');
    notice(answer.error || `The server answered with status ${code}.`);
    last = undefined;
    pick();
    if (!player.key) player.idle('Type the name of a stream below to play it.');
    return code !== 403;
  } catch {
    text(byId('summary'), 'not reachable');
    notice('The server does not answer. What you see is from before; the page tries again every second.');
    return true;
  }
}

async function loop() {
  if (await refresh()) setTimeout(loop, interval);
}

async function start() {
  try {
    [, info] = await get('page.json');
  } catch { /* the usual values will do; refresh says that the server does not answer */ }
  text(byId('version'), info.version);
  howto = new HowTo(info);
  byId('choose-name').placeholder = `${info.app}/mystream`;
  byId('choose').addEventListener('submit', (e) => {
    e.preventDefault();
    const name = byId('choose-name').value.trim().replace(/^\/+/, '');
    if (name) choose(name.includes('/') ? name : `${info.app}/${name}`);
  });
  byId('transport').addEventListener('change', () => player.key && play(player.key));
  addEventListener('hashchange', () => fromHash() && play(fromHash()));
  document.addEventListener('visibilitychange', () => !document.hidden && last && refresh());
  loop();
}

start();
