'use strict';
// Everything that a peer said is put into the page as text, never as markup.
(async () => {
  // The conversations are JSON, compressed by gzip, in base64.
  async function unpack() {
    const packed = Uint8Array.from(atob(document.getElementById('data').textContent), (c) => c.charCodeAt(0));
    return new Response(new Blob([packed]).stream().pipeThrough(new DecompressionStream('gzip'))).json();
  }
  const data = await unpack().catch((e) => {
    document.getElementById('unpacked').hidden = false;
    throw e;
  });
  const $ = (id) => document.getElementById(id);
  const rows = [...document.querySelectorAll('tr.case')];
  const signs = { works: '✓', differs: '≠', fails: '✗', 'not-reproduced': '○' };
  const words = (v) => v === 'not-reproduced' ? 'not reproduced' : v;
  const make = (tag, cls, text) => {
    const e = document.createElement(tag);
    if (cls) e.className = cls;
    if (text !== undefined) e.textContent = text;
    return e;
  };

  // Filters.
  const haystack = data.cases.map((c) => [c.id, c.title, c.code, c.section, c.requirement, ...c.cells.flat().flatMap((r) => [r.got, r.expected, r.needs])]
    .filter(Boolean).join('\n').toLowerCase());
  const pressed = new Set();
  function apply() {
    const wanted = $('text').value.toLowerCase().split(/\s+/).filter(Boolean);
    const section = $('section').value;
    let shown = 0;
    for (const row of rows) {
      const c = data.cases[row.dataset.case];
      const verdicts = row.dataset.verdicts.split(' ').filter(Boolean);
      const ok = wanted.every((w) => haystack[row.dataset.case].includes(w)) &&
        (!section || c.section === section) &&
        (!pressed.size || verdicts.some((v) => pressed.has(v))) &&
        (!$('required').checked || c.severity === 'required') &&
        (!$('apart')?.checked || new Set(verdicts).size > 1);
      row.hidden = !ok;
      shown += ok;
    }
    for (const body of document.querySelectorAll('tbody')) {
      body.hidden = ![...body.querySelectorAll('tr.case')].some((r) => !r.hidden);
    }
    $('shown').textContent = shown === rows.length ? `${shown} cases` : `${shown} of ${rows.length} cases`;
    $('empty').hidden = shown > 0;
  }
  for (const id of ['text', 'section', 'required', 'apart']) $(id)?.addEventListener('input', apply);
  for (const chip of document.querySelectorAll('.chip')) {
    chip.addEventListener('click', () => {
      const v = chip.dataset.verdict;
      pressed.has(v) ? pressed.delete(v) : pressed.add(v);
      chip.setAttribute('aria-pressed', pressed.has(v));
      apply();
    });
  }
  function reset() {
    $('filters').reset();
    pressed.clear();
    for (const chip of document.querySelectorAll('.chip')) chip.setAttribute('aria-pressed', 'false');
    apply();
  }
  $('filters').addEventListener('submit', (e) => e.preventDefault());
  $('reset').addEventListener('click', reset);

  // The head of the table stays below the filters, which stay at the top where there is room.
  function measure() {
    const f = $('filters');
    document.documentElement.style.setProperty('--under', getComputedStyle(f).position === 'sticky' ? f.offsetHeight + 'px' : '0');
  }
  addEventListener('resize', measure);
  measure();

  // The conversation behind a cell.
  let current = { at: -1, report: 0, mode: 0, bytes: false };
  function show(at, report, mode) {
    const c = data.cases[at];
    while (report < c.cells.length && !c.cells[report].length) report++;
    if (report >= c.cells.length) report = c.cells.findIndex((cell) => cell.length);
    current = { ...current, at, report, mode: mode ?? worst(c.cells[report]) };
    $('detail-title').textContent = c.title;
    const body = $('detail-body');
    body.replaceChildren(make('p', 'requirement', c.requirement));
    const fine = make('p', 'fine');
    fine.append(make('code', '', c.id), ` · ${c.severity} · ${c.section}`);
    if (c.code) fine.append(' · ', make('code', '', c.code));
    body.append(fine);
    if (c.source) body.append(make('p', 'fine', 'Source: ' + c.source));
    if (data.reports.length > 1) body.append(tabs(c.cells.map((cell, n) => cell.length && [`${n + 1} ${data.reports[n]}`, cell[worst(cell)].verdict]), report, (n) => show(at, n)));
    const results = c.cells[report];
    if (results.length > 1) body.append(tabs(results.map((r, n) => [r.mode || `run ${n + 1}`, r.verdict]), current.mode, (n) => show(at, report, n)));
    body.append(outcome(results[current.mode]), ...talk(results[current.mode].log));
    const target = '#' + c.anchor;
    if (location.hash !== target) history.replaceState(null, '', target);
    if (!$('detail').open) $('detail').showModal();
    $('detail').scrollTop = 0;
  }
  function worst(cell) {
    const order = ['works', 'not-reproduced', 'differs', 'fails'];
    let n = 0;
    cell.forEach((r, i) => { if (order.indexOf(r.verdict) > order.indexOf(cell[n].verdict)) n = i; });
    return n;
  }
  function tabs(entries, chosen, open) {
    const bar = make('div', 'tabs');
    entries.forEach((entry, n) => {
      if (!entry) return;
      const b = make('button', 'tab ' + entry[1], `${signs[entry[1]]} ${entry[0]}`);
      b.type = 'button';
      b.setAttribute('aria-pressed', n === chosen);
      b.addEventListener('click', () => open(n));
      bar.append(b);
    });
    return bar;
  }
  function outcome(r) {
    const box = make('section', 'outcome ' + r.verdict);
    box.append(make('h3', '', `${signs[r.verdict]} ${words(r.verdict)}` + (r.mode ? ` (${r.mode})` : '')));
    const list = make('dl');
    for (const [label, text] of [['Expected', r.expected], ['Got', r.got], ['Needs', r.needs], ['Took', r.took]]) {
      if (text) list.append(make('dt', '', label), make('dd', '', text));
    }
    box.append(list);
    return box;
  }
  function talk(log) {
    if (!log.length) return [make('p', 'fine', 'There is no conversation.')];
    const head = make('div', 'talk-head');
    head.append(make('h3', '', 'Conversation'));
    const label = make('label');
    const box = make('input');
    box.type = 'checkbox';
    box.checked = current.bytes;
    label.append(box, 'bytes');
    head.append(label);
    const legend = make('p', 'legend');
    legend.append(make('span', '', 'seconds · byte offset'), make('span', 'tester', '→ the tester sent'), make('span', 'peer', '← it sent'));
    const list = make('ul', 'talk' + (current.bytes ? ' with-bytes' : ''));
    box.addEventListener('change', () => {
      current.bytes = box.checked;
      list.classList.toggle('with-bytes', box.checked);
    });
    for (const [ms, from, offset, text, bytes, length] of log) {
      const side = from === 'tester' || from === 'peer' ? from : 'note';
      const li = make('li', side + (side === 'note' && text.startsWith('►') ? ' mark' : ''));
      li.append(make('span', 'at', (ms / 1000).toFixed(3)), make('span', 'arrow', side === 'tester' ? '→' : side === 'peer' ? '←' : '·'),
        make('span', 'offset', offset < 0 ? '' : String(offset)));
      const said = make('span', 'said', text);
      if (bytes) said.append(make('span', 'bytes', bytes + (length ? ` (${length} bytes)` : '')));
      li.append(said);
      list.append(li);
    }
    return [head, legend, list];
  }
  function step(by) {
    const visible = rows.filter((r) => !r.hidden);
    const here = visible.findIndex((r) => Number(r.dataset.case) === current.at);
    const there = visible[here + by];
    if (there) show(Number(there.dataset.case), current.report);
  }
  document.querySelector('.matrix').addEventListener('click', (e) => {
    const row = e.target.closest('tr.case');
    const cell = e.target.closest('button.cell');
    const title = e.target.closest('a.title');
    if (!row || !(cell || title)) return;
    e.preventDefault();
    show(Number(row.dataset.case), cell ? Number(cell.dataset.report) : 0);
  });
  $('previous').addEventListener('click', () => step(-1));
  $('next').addEventListener('click', () => step(1));
  $('close').addEventListener('click', () => $('detail').close());
  $('detail').addEventListener('click', (e) => { if (e.target === $('detail')) $('detail').close(); });
  $('detail').addEventListener('close', () => {
    history.replaceState(null, '', location.pathname + location.search);
    rows.find((r) => Number(r.dataset.case) === current.at)?.querySelector('button.cell')?.focus();
  });
  $('detail').addEventListener('keydown', (e) => {
    if (e.target.closest('input')) return;
    if (e.key === 'j' || e.key === 'ArrowRight') step(1);
    if (e.key === 'k' || e.key === 'ArrowLeft') step(-1);
  });
  function fromHash() {
    const name = decodeURIComponent(location.hash.slice(1));
    const at = data.cases.findIndex((c) => c.anchor === name);
    if (name && at >= 0) show(at, 0);
  }
  addEventListener('hashchange', fromHash);
  apply();
  fromHash();
})();
