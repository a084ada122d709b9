// The server's API, with the words that it answers when it does not do something.
const base = new URL('../api/v1/', import.meta.url);
const sessionURL = new URL('session', import.meta.url);
const patience = 10000; // ms that an answer may take

// Refused is an answer that is not what was asked for. status 0 is no answer.
export class Refused extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

async function request(url, method, body) {
  const init = { method, cache: 'no-store', headers: {}, signal: AbortSignal.timeout(patience) };
  if (method !== 'GET') init.headers['X-Penstock'] = 'console';
  if (body !== undefined) {
    init.headers['Content-Type'] = 'application/json';
    init.body = JSON.stringify(body);
  }
  let res;
  try {
    res = await fetch(url, init);
  } catch {
    throw new Refused(0, 'The server does not answer.');
  }
  const text = await res.text();
  let answer = null;
  try {
    answer = text ? JSON.parse(text) : null;
  } catch { /* not JSON: the status says enough */ }
  if (!res.ok) throw new Refused(res.status, problem(res.status, answer));
  return answer;
}

// problem is the text of an RFC 9457 answer.
function problem(status, answer) {
  if (!answer) return `The server answered with status ${status}.`;
  const more = (answer.errors || []).map((e) => (typeof e.value === 'string' ? `“${e.value}” ${e.message}` : e.message));
  return more.length ? `${more.join('; ')}.` : answer.detail || answer.title || `Status ${status}`;
}

export function get(path, query = {}) {
  const url = new URL(path, base);
  for (const [name, value] of Object.entries(query)) if (value !== '' && value !== undefined) url.searchParams.set(name, value);
  return request(url, 'GET');
}

export const post = (path, body) => request(new URL(path, base), 'POST', body);

export function remove(path, query) {
  const url = new URL(path, base);
  for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value);
  return request(url, 'DELETE');
}

export const whoAmI = () => request(sessionURL, 'GET');
export const logIn = (credentials) => request(sessionURL, 'POST', credentials);
export const logOut = () => request(sessionURL, 'DELETE');

// refusals calls back for each refusal as it happens, and when the stream of them is there or not. The function that it returns
// ends it.
export function refusals(changed, connected) {
  const events = new EventSource(new URL('refusals/stream', base));
  events.addEventListener('refusal', changed);
  events.addEventListener('open', () => connected(true));
  events.addEventListener('error', () => connected(false, events.readyState === EventSource.CLOSED));
  return () => events.close();
}
