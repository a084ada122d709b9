// The player: mpegts.js on one video element, with words for everything that can go wrong.
import { byId, text, show } from './dom.js';
import { flvURL } from './howto.js';
import { facts } from './lists.js';

// What mpegts.js reads out of FLV, and the type to ask the browser for; anything else plays in
// other programs only.
const videoTypes = { 'H.264': 'avc1.4d401f', 'H.265': 'hvc1.1.6.L93.B0', AV1: 'av01.0.04M.08' };
const audioTypes = { AAC: 'mp4a.40.2', MP3: 'mp3', Opus: 'opus', FLAC: 'flac' };

const maxBehind = 4; // s behind the newest picture before the player jumps
const stalled = 15; // s without progress before it starts again; the server waits 10 s for a publisher

// problem tells why the page cannot play a codec: '' when it can.
function problem(codec, types, kind) {
  if (!codec) return '';
  if (!types[codec]) return `Browsers cannot play ${codec} from a live stream like this`;
  const source = window.ManagedMediaSource || window.MediaSource;
  return source.isTypeSupported(`${kind}/mp4; codecs="${types[codec]}"`) ? '' : `This browser has no decoder for ${codec}`;
}

export class Player {
  constructor() {
    this.key = '';
    this.video = byId('video');
    this.sound = byId('sound');
    this.sound.addEventListener('click', () => { this.video.muted = !this.video.muted; });
    this.video.addEventListener('volumechange', () => this.showSound());
    this.video.addEventListener('playing', () => this.say(''));
    setInterval(() => this.watch(), 1000);
    this.stop();
  }

  say(message) {
    text(byId('screen-text'), message);
    show(byId('screen-text'), message !== '');
  }

  idle(message) { this.say(message || 'Nothing is live. The picture appears here by itself when somebody sends one.'); }

  showSound() {
    this.video.controls = Boolean(this.running);
    show(this.sound, this.running && !this.noSound);
    text(this.sound, this.video.muted ? 'Turn sound on' : 'Turn sound off');
  }

  // play shows a stream from now on. info is what the state says about it: null that there is no
  // such stream, undefined that this visitor is not told.
  play(key, info) {
    this.key = key;
    this.failures = 0;
    text(byId('now-name'), key);
    text(byId('now-facts'), '');
    this.start(info);
  }

  stop() {
    clearTimeout(this.timer);
    this.running = false;
    if (this.engine) {
      this.engine.destroy();
      this.engine = null;
    }
    this.showSound();
  }

  start(info, waiting) {
    this.stop();
    this.info = info;
    if (!window.mpegts || !mpegts.isSupported()) {
      this.say('This browser cannot play live streams inside a page. Use one of the programs under “Watch elsewhere”.');
      return;
    }
    const noPicture = problem(info && info.video, videoTypes, 'video');
    const noSound = problem(info && info.audio, audioTypes, 'audio');
    this.noSound = noSound !== '' || info === null || Boolean(info && !info.audio);
    this.note(noSound && !noPicture ? `${noSound}: you see the picture without sound.` : '');
    if (noPicture) {
      this.say(`${noPicture}. It plays in the programs under “Watch elsewhere”, ffplay for example.`);
      return;
    }
    if (!waiting) this.say(info === undefined || (info && info.live) ? 'Connecting…' : this.nobody());
    this.running = true;
    this.moved = performance.now();
    this.time = -1;
    this.open(info, noSound !== '');
    this.showSound();
  }

  open(info, silent) {
    const source = { type: 'flv', isLive: true, url: flvURL(this.key, byId('transport').value) };
    // What is promised and does not come would be waited for.
    if (info && (info.video || info.audio)) {
      source.hasVideo = Boolean(info.video);
      source.hasAudio = Boolean(info.audio) && !silent;
    }
    const engine = mpegts.createPlayer(source, {
      lazyLoad: false, enableStashBuffer: false, autoCleanupSourceBuffer: true,
      autoCleanupMaxBackwardDuration: 30, autoCleanupMinBackwardDuration: 15,
      liveSync: true, liveSyncMaxLatency: 2, liveSyncTargetLatency: 1,
    });
    this.engine = engine;
    const mine = (f) => (...args) => { if (this.engine === engine) f(...args); };
    // Later, because mpegts.js goes on with what failed after it has told of the error.
    engine.on(mpegts.Events.ERROR, (...args) => setTimeout(mine(() => this.failed(...args))));
    engine.on(mpegts.Events.LOADING_COMPLETE, mine(() => this.again('The stream has ended. It goes on here when it is sent again.')));
    engine.attachMediaElement(this.video);
    engine.load();
    Promise.resolve(engine.play()).catch(mine((e) => {
      if (e.name === 'NotAllowedError') this.say('The browser waits for you: press play.');
    }));
  }

  failed(type, detail, more) {
    const said = typeof more === 'string' ? more : (more && more.msg) || detail;
    if (type === mpegts.ErrorTypes.MEDIA_ERROR) {
      this.stop();
      const who = detail === mpegts.ErrorDetails.MEDIA_MSE_ERROR ? 'This browser' : 'The player of this page';
      this.say(`${who} cannot play the stream (${said}). Use one of the programs under “Watch elsewhere”.`);
      return;
    }
    const code = more && more.code;
    if (code === 404) this.again(this.nobody());
    else if (code === 401 || code === 403) this.again(`The server does not let you play ${this.key}.`);
    else if (code > 0) this.again(`The server cannot play ${this.key} here (HTTP status ${code}).`);
    else this.again(`The connection to the stream broke${this.failures > 2 ? ` (${said})` : ''}. Trying again…`);
  }

  nobody() { return `Nobody is sending ${this.key} at the moment. The picture appears here when somebody does.`; }

  // again tries once more, later each time.
  again(message) {
    this.stop();
    this.say(message);
    this.timer = setTimeout(() => this.start(this.info, true), Math.min(500 * 2 ** this.failures++, 5000));
  }

  note(message) {
    text(byId('now-note'), message);
    show(byId('now-note'), message !== '');
  }

  // facts takes what the state says now about the stream that plays.
  facts(info) {
    const live = Boolean(info && info.live);
    text(byId('now-facts'), live ? facts(info) : '');
    if (info === undefined) return;
    const old = this.info;
    this.info = info;
    if (!live) {
      if (old && old.live) this.say('The stream has ended. It goes on here when it is sent again.');
    } else if (!old || ['since', 'video', 'audio'].some((x) => old[x] !== info[x])) {
      // A new publisher, or codecs that only now are known.
      this.failures = 0;
      this.start(info);
    }
  }

  // watch looks once a second whether the picture moves and is near the newest one.
  watch() {
    const { video } = this;
    if (!this.running || document.hidden) {
      this.moved = performance.now();
      return;
    }
    if (video.paused || video.currentTime !== this.time) {
      if (!video.paused && this.time >= 0) this.failures = 0;
      this.time = video.currentTime;
      this.moved = performance.now();
    } else if (performance.now() - this.moved > stalled * 1000) {
      this.again('No picture has come for a while. Trying again…');
      return;
    }
    const n = video.buffered.length;
    const end = n ? video.buffered.end(n - 1) : 0;
    if (!video.paused && end - video.currentTime > maxBehind) video.currentTime = end - 0.5;
  }
}
