// Tables that follow a list: one row for each item, updated in place.
import { el, text, show, keyed } from '../dom.js';

// table keeps the roles of a table even where narrow screens show each row as a block. columns are names with the text of a cell
// and, if it is a link, what it leads to; buttons makes what stands at the end of a row; changed hears of each row that was there before.
export function table(parent, list, { label, keyOf, columns, buttons, changed }) {
  if (!parent.firstChild) {
    const names = [...columns.map(([name]) => name), ...(buttons ? [''] : [])];
    const head = el('tr', { role: 'row' }, ...names.map((name) => el('th', { role: 'columnheader', scope: 'col' }, name)));
    parent.append(el('table', { role: 'table', 'aria-label': label }, el('thead', { role: 'rowgroup' }, head), el('tbody', { role: 'rowgroup' })));
  }
  show(parent.firstChild, list.length > 0);
  const make = (item) => el('tr', { role: 'row' },
    ...columns.map(([name, , link]) => el('td', { role: 'cell', 'data-label': name }, ...(link ? [el('a')] : []))),
    ...(buttons ? [el('td', { role: 'cell', class: 'buttons' }, ...buttons(item))] : []));
  keyed(parent.querySelector('tbody'), list, keyOf, make, (row, item) => {
    columns.forEach(([, value, link], i) => {
      const node = link ? row.children[i].firstChild : row.children[i];
      text(node, value(item));
      if (link) node.href = link(item);
    });
    if (changed) changed(row, item);
  });
}

export const button = (label, work, bad) => el('button', { type: 'button', class: bad ? 'bad' : '', onclick: work }, label);
