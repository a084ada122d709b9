// Live streams, with the picture of the one that is chosen.
import { el, byId, text, show, keyed, part, bits, bytes, duration, count } from '../dom.js';
import { Player } from '../player.js';
import { playRows } from '../howto.js';
import { facts } from '../lists.js';
import * as api from './api.js';
import * as act from './act.js';

export class Live {
  constructor(may, info) {
    this.may = may;
    this.info = info;
    this.player = new Player();
    this.streams = [];
  }

  enter() { return this.refresh(); }

  leave() { this.player.stop(); this.player.key = ''; }

  async refresh() {
    const { streams } = await api.get('streams');
    this.streams = streams.map(shape).sort((a, b) => b.live - a.live);
    const chosen = this.streams.find((s) => s.key === this.chosen);
    if (!chosen && !this.player.key) this.chosen = (this.streams.find((s) => s.live) || {}).key;
    if (this.chosen && this.player.key !== this.chosen) this.play(this.chosen);
    this.show();
  }

  find(key) { return this.streams.find((s) => s.key === key) || null; }

  play(key) {
    this.chosen = key;
    playRows(this.info, key);
    this.player.play(key, this.find(key));
    this.show();
  }

  show() {
    keyed(byId('streams'), this.streams, (s) => s.key, (s) => this.make(s), (node, s) => update(node, s, s.key === this.chosen));
    show(byId('streams-empty'), this.streams.length === 0);
    if (this.player.key) this.player.facts(this.find(this.player.key));
    else this.player.idle();
    this.about(this.find(this.chosen));
  }

  // about is what is known of the chosen stream, and what can be done with it.
  about(s) {
    const rows = s && s.live ? [
      ['Publisher', s.publisher ? s.publisherPeer || s.publisher : 'this server itself'],
      ['On the air', `for ${duration(Date.now() - s.since)}`],
      ['Bit rate', `${bits(s.bitrate)}, ${bytes(s.bytesIn || 0)} so far`],
      ['Players', String(s.players)],
    ] : [];
    keyed(byId('live-facts'), rows, ([name]) => name,
      ([name]) => el('div', {}, el('dt', {}, name), el('dd', { 'data-part': 'value' })),
      (node, [, value]) => text(part(node, 'value'), value));
    const actions = s && s.live && s.publisher && this.may('operator') ? [s.key] : [];
    keyed(byId('live-actions'), actions, (key) => key,
      (key) => el('button', { type: 'button', class: 'bad', onclick: () => act.release(key) }, 'Release the name …'), () => {});
  }

  make(s) {
    return el('li', {}, el('button', { type: 'button', class: 'card', onclick: () => this.play(s.key) },
      el('span', { class: 'card-head' }, el('strong', {}, s.key), el('span', { class: 'badge', 'data-part': 'badge' })),
      el('span', { class: 'quiet', 'data-part': 'facts' }), el('span', { class: 'quiet', 'data-part': 'rate' })));
  }
}

// shape is a stream of the API as the player and the page's lists know one.
function shape(s) {
  return { ...s, since: s.since ? Date.parse(s.since) : 0, video: s.videoCodec || '', audio: s.audioCodec || '' };
}

function update(node, s, chosen) {
  const card = node.firstElementChild;
  card.classList.toggle('chosen', chosen);
  card.classList.toggle('waiting', !s.live);
  card.setAttribute('aria-pressed', String(chosen));
  text(part(node, 'badge'), s.live ? 'live' : 'waiting');
  text(part(node, 'facts'), s.live ? facts(s) : 'Nobody sends it yet');
  text(part(node, 'rate'), (s.live ? `${bits(s.bitrate)} · ` : '') + count(s.players, 'player', 'players'));
}
