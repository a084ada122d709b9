// Ends the session of Node-Media-Server whose client is $CHECK_PEER: node close-session.mjs http://HOST:PORT USER PASSWORD
const [base, username, password] = process.argv.slice(2);
const api = async (method, path, token, body) => {
  const answer = await fetch(`${base}/api/v1/${path}`, {
    method, body: body && JSON.stringify(body),
    headers: { "Content-Type": "application/json", ...(token && { Authorization: `Bearer ${token}` }) },
  });
  if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status}`);
  return (await answer.json()).data;
};
const { token } = await api("POST", "login", "", { username, password });
const { sessions } = await api("GET", "sessions", token);
const session = sessions.find((s) => s.ip === process.env.CHECK_PEER);
if (!session) throw new Error(`no session of ${process.env.CHECK_PEER}`);
await api("DELETE", `sessions/${session.id}`, token);
