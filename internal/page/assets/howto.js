// How to publish and play: addresses and command lines that can be copied, with the host name
// that this page was opened under.
import { el, byId, text, keyed, part } from './dom.js';

// shell quotes a word for a command line where it needs it.
const shell = (word) => (/^[\w@%+=:,./[\]-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`);

export class HowTo {
  constructor(info) {
    this.info = info;
    this.rtmp = base(info);
    this.app = info.app;
    this.name = byId('publish-name');
    this.name.addEventListener('input', () => this.publish());
    this.publish();
    this.play(info.demo ? `${info.app}/demo` : `${info.app}/mystream`);
  }

  publish() {
    const name = this.name.value.trim() || 'mystream';
    const url = `${this.rtmp}/${this.app}/${name}`;
    rows(byId('publish-obs'), [
      ['Server', `${this.rtmp}/${this.app}`],
      ['Stream key', name],
    ]);
    rows(byId('publish-ffmpeg'), [
      ['Send a file', `ffmpeg -re -i film.mp4 -c:v libx264 -preset veryfast -g 50 -c:a aac -f flv ${shell(url)}`],
    ]);
    rows(byId('publish-penstock'), [['Send the demo', `penstock publish --demo ${shell(url)}`]]);
  }

  // play shows the addresses of a stream.
  play(key) {
    text(byId('play-name'), key);
    playRows(this.info, key);
  }
}

const base = (info) => `rtmp://${location.hostname}${info.rtmpPort === '1935' ? '' : `:${info.rtmpPort}`}`;

// playRows shows the addresses of a stream for other programs.
export function playRows(info, key) {
  const url = `${base(info)}/${key}`;
  rows(byId('play-rows'), [
    ['FFmpeg', `ffplay -fflags nobuffer ${shell(url)}`],
    ['Save it as a file', `penstock play ${shell(url)} -o film.flv`],
    ['VLC and other players', url],
    ['In a web page (HTTP-FLV)', flvURL(key, 'http')],
    ['The public page', `${root}#${encodeURI(key)}`],
  ]);
}

// root is the address of the public page.
const root = new URL('.', import.meta.url).href;

// flvURL is where a stream is played from over HTTP or WebSocket.
export function flvURL(key, transport) {
  const path = key.split('/').map(encodeURIComponent).join('/');
  const url = new URL(`./${path}.flv`, root);
  if (transport === 'ws') url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:';
  return url.href;
}

function rows(parent, list) {
  keyed(parent, list, ([label]) => label, makeRow, (node, [, value]) => text(part(node, 'value'), value));
}

function makeRow([label]) {
  const value = el('code', { 'data-part': 'value', tabIndex: 0, role: 'textbox', 'aria-readonly': 'true', 'aria-label': label });
  const button = el('button', { type: 'button', 'aria-label': `Copy: ${label}`, onclick: () => copy(value, button) }, 'Copy');
  return el('div', { class: 'copy' }, el('span', { class: 'copy-label' }, label), el('div', { class: 'copy-row' }, value, button));
}

async function copy(node, button) {
  let done = false;
  try {
    await navigator.clipboard.writeText(node.textContent);
    done = true;
  } catch {
    // Browsers give the clipboard to https and localhost only; the old way works elsewhere.
    getSelection().selectAllChildren(node);
    done = document.execCommand('copy');
  }
  button.textContent = done ? 'Copied' : 'Press Ctrl+C';
  setTimeout(() => { button.textContent = 'Copy'; }, 1500);
}
