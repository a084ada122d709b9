// What an operator can do, each behind a question that says what will happen.
import { el, byId, text, show } from '../dom.js';
import { post, remove } from './api.js';

const told = { name: 'text', label: 'What they are told (optional)', placeholder: 'Please call us: 01 234 567' };

// ask shows the question; work gets what was entered. What the server says against it stands in the dialog.
function ask({ title, lines, fields = [], button, work, done }) {
  const dialog = byId('dialog');
  text(byId('dialog-title'), title);
  byId('dialog-lines').replaceChildren(...lines.map((line) => el('p', {}, line)));
  byId('dialog-fields').replaceChildren(...fields.flatMap(field));
  text(byId('dialog-do'), button);
  show(byId('dialog-error'), false);
  byId('dialog-do').disabled = false;
  byId('dialog-form').onsubmit = async (e) => {
    e.preventDefault();
    byId('dialog-do').disabled = true;
    try {
      await work(Object.fromEntries(fields.map((f) => [f.name, byId(`field-${f.name}`).value.trim()])));
      dialog.close();
      say(done);
      dispatchEvent(new Event('changed'));
    } catch (err) {
      text(byId('dialog-error'), err.message);
      show(byId('dialog-error'), true);
    }
    byId('dialog-do').disabled = false;
  };
  byId('dialog-cancel').onclick = () => dialog.close();
  dialog.showModal();
}

function field(f) {
  const id = `field-${f.name}`;
  const input = f.options
    ? el('select', { id }, ...f.options.map(([value, label]) => el('option', { value }, label)))
    : el('input', { id, placeholder: f.placeholder || '', value: f.value || '', required: Boolean(f.required), autocomplete: 'off', spellcheck: false, maxLength: 200 });
  return [el('label', { for: id }, f.label), input];
}

let timer;
function say(message) {
  text(byId('done'), message);
  show(byId('done'), true);
  clearTimeout(timer);
  timer = setTimeout(() => show(byId('done'), false), 6000);
}

// said leaves out what nobody entered: the server has words of its own.
const said = (v) => (v.text ? { text: v.text } : {});

export function kick(s) {
  ask({
    title: 'End this connection?', button: 'End it',
    lines: [`${s.software} at ${s.peer}, application ${s.app}.`, 'It is told why. Most programs connect again by themselves: to keep one out, block its address.'],
    fields: [told], done: `The connection of ${s.peer} was ended.`,
    work: (v) => post(`sessions/${encodeURIComponent(s.id)}/kick`, said(v)),
  });
}

export function release(key) {
  ask({
    title: `Release the name ${key}?`, button: 'Release it',
    lines: ['Its publisher is ended and told why, and somebody else can publish under the name. Players stay and wait for the next publisher.'],
    fields: [told], done: `${key} is free.`,
    work: (v) => post('streams/release', { stream: key, ...said(v) }),
  });
}

export function block(ip) {
  ask({
    title: ip ? `Block ${ip}?` : 'Block an address', button: 'Block',
    lines: ['All its connections are ended, and new ones are refused.'],
    fields: [
      { name: 'network', label: 'Address or network', value: ip, required: true, placeholder: '203.0.113.7 or 203.0.113.0/24' },
      { name: 'seconds', label: 'For', options: [['600', '10 minutes'], ['3600', 'an hour'], ['86400', 'a day'], ['0', 'ever, until somebody unblocks it']] },
      told,
    ],
    done: 'Blocked.',
    work: (v) => post('blocks', { network: v.network, seconds: Number(v.seconds), ...said(v) }),
  });
}

export function unblock(network, name) {
  ask({ title: `Unblock ${name}?`, button: 'Unblock', lines: ['It can connect again.'], done: `${name} is not blocked any more.`, work: () => remove('blocks', { network }) });
}

export function unload(name, sessions) {
  ask({
    title: `Unload the application ${name}?`, button: 'Unload it',
    lines: [`${sessions === 1 ? 'Its one connection is' : `All its ${sessions} connections are`} ended and told that the application is being stopped. Everyone is refused until it is loaded again.`],
    done: `${name} is unloaded.`,
    work: () => post(`apps/${encodeURIComponent(name)}/unload`),
  });
}

export function load(name) {
  ask({ title: `Load the application ${name}?`, button: 'Load it', lines: ['Clients can connect to it again.'], done: `${name} is loaded.`, work: () => post(`apps/${encodeURIComponent(name)}/load`) });
}

export function unloadInstance(i, name) {
  ask({
    title: `Unload ${name} of ${i.app}?`, button: 'Unload it',
    lines: [`${i.sessions === 0 ? 'Nobody is connected.' : `${i.sessions === 1 ? 'Its one connection is' : `All its ${i.sessions} connections are`} ended and told so.`} The next who connects starts it anew.`,
      'Shared objects that are not kept for good are gone with it.'],
    fields: [told], done: `${name} of ${i.app} was unloaded.`,
    work: (v) => post('instances/unload', { app: i.app, instance: i.instance, ...said(v) }),
  });
}

export function clearObject(app, instance, name) {
  ask({
    title: `Empty the shared object ${name}?`, button: 'Empty it',
    lines: ['All its slots are removed, and everyone who uses it is told. It cannot be undone.'], done: `${name} is empty.`,
    work: () => post('objects/clear', { app, instance, name }),
  });
}

export function deleteObject(app, instance, name) {
  ask({
    title: `Delete the shared object ${name}?`, button: 'Delete it',
    lines: ['What is stored of it is gone for good. Who uses it now goes on with an empty one.'], done: `${name} was deleted.`,
    work: () => remove('objects', { app, instance, name }),
  });
}
