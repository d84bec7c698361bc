// Tables and other lists: filtered, sorted, and shown a page at a time. The first rows stand in the page; the others are
// data beside it, of which rows are made when they are shown.
const { readData, listOf } = (() => {
  const { all, made, lists } = page;
  const compare = new Intl.Collator(page.root.lang, { numeric: true }).compare;

  // Work: rows of a list on paper; ten times as many took a browser all its memory. How many there are stands below them.
  const MOST_PRINTED = 1000;

  const readData = (name) => {
    const element = document.getElementById(`d-${name}`);
    const { words, rows } = element ? JSON.parse(element.textContent) : { words: [], rows: [] };
    const read = (value) => (typeof value === 'number' ? words[value] : Array.isArray(value) ? value.map(read) : value);
    return { rows, read };
  };

  // body: where rows stand; step: rows of a page; draw: makes the element of a row of the data; told: what of such a row
  // is searched, as a list; cell: what stands in a column of it.
  const listOf = (name, body, step, { draw, told, cell, total, idOf = () => '', dress = () => {} }) => {
    const pager = document.querySelector(`[data-pager="${name}"]`);
    let items = null;
    let kept = null;
    let from = 0;
    let isSpread = false;
    const read = () => {
      if (items) return items;
      const data = readData(name);
      items = [
        ...Array.from(body.children, (node) => ({ node, id: node.id })),
        ...data.rows.map((row) => ({ row, id: data.read(idOf(row)) })),
      ];
      items.forEach((item) => {
        item.text = () => (item.words ||= (item.node ? item.node.textContent : told(item.row, data.read).join('\n')).toLowerCase());
        item.cell = (column) => (item.node ? item.node.cells[column].textContent : cell(item.row, column, data.read));
        item.element = () => (item.node ||= draw(item.row, data.read));
      });
      kept ||= items;
      return items;
    };
    const show = (first) => {
      read();
      from = Math.max(0, Math.min(first, kept.length - 1));
      from -= from % step;
      const end = Math.min(from + (isSpread ? MOST_PRINTED : step), kept.length);
      const shown = kept.slice(from, end);
      const nodes = shown.map((item) => item.element());
      body.replaceChildren(...nodes);
      dress(nodes);
      if (!pager) return;
      pager.hidden = shown.length === kept.length;
      pager.querySelector('output').value = pager.dataset.text.replace('{first}', kept.length ? from + 1 : 0)
        .replace('{last}', end).replace('{total}', kept.length);
      const [back, on] = all('button', pager);
      back.disabled = from === 0;
      on.disabled = end === kept.length;
    };
    const list = {
      total,
      count: () => (kept ? kept.length : total),
      filter: (fits) => { kept = read().filter(fits); show(0); },
      sort: (column, down) => {
        const keyed = read().map((item) => [item.cell(column), item]);
        keyed.sort((a, b) => (down ? compare(b[0], a[0]) : compare(a[0], b[0])));
        const order = new Map(keyed.map(([, item], place) => [item, place]));
        items = keyed.map(([, item]) => item);
        kept = kept.slice().sort((a, b) => order.get(a) - order.get(b));
        show(0);
      },
      bring: (id) => {
        let place = read().findIndex((item) => item.id === id);
        if (place < 0) return false;
        if (!kept.includes(items[place])) kept = items;
        place = kept.findIndex((item) => item.id === id);
        show(place);
        return true;
      },
      spread: () => { if (pager) { isSpread = true; show(0); } },
      gather: () => { if (pager) { isSpread = false; show(0); } },
      items: read,
    };
    if (pager) {
      const [back, on] = all('button', pager);
      back.addEventListener('click', () => show(from - step));
      on.addEventListener('click', () => show(from + step));
    }
    lists[name] = list;
    return list;
  };

  // A path or a security identifier may be broken after its separators, and nowhere else.
  const pieces = (text) => text.split(/(?<=[\\/_,;])|(?<=\d-)(?=\d{4})/).flatMap((piece, n) => (n ? [made('wbr'), piece] : [piece]));
  all('table.data').forEach((table) => {
    const name = table.id.slice(2);
    const headings = all('thead th', table).map((heading) => heading.textContent);
    const draw = (row, read) => {
      const [kinds, anchor, ...cells] = row;
      const element = made('tr');
      read(kinds).split('|').forEach((kind, column) => {
        const [text, below] = Array.isArray(cells[column]) ? read(cells[column]) : [read(cells[column]), ''];
        const isLink = kind.endsWith('@');
        const shown = pieces(text);
        const cell = made('td', isLink ? kind.slice(0, -1) : kind);
        if (isLink) {
          const link = made('a', '', ...shown);
          link.href = `#${read(anchor)}`;
          cell.append(link);
        } else cell.append(...shown);
        if (below) cell.append(made('div', 'below', ...pieces(below)));
        if (text || below) cell.dataset.heading = headings[column];
        element.append(cell);
      });
      return element;
    };
    const cell = (row, column, read) => [read(row[column + 2])].flat().join('');
    listOf(name, table.tBodies[0], Number(table.dataset.step), {
      draw, cell, total: Number(table.dataset.total), told: (row, read) => row.slice(2).flatMap((value) => read(value)),
    });
  });

  // What the fields above a list ask for.
  const wanted = {};
  const apply = (name) => {
    const { words = [], choices = {}, parts = [name] } = wanted[name];
    const fits = (item) => words.every((word) => item.text().includes(word)) &&
      Object.entries(choices).every(([column, value]) => !value || item.cell(column) === value);
    parts.forEach((part) => lists[part].filter(fits));
    const sum = (of) => parts.reduce((total, part) => total + of(lists[part]), 0);
    all(`[data-count="${name}"]`).forEach((output) => {
      output.value = output.dataset.text.replace('{shown}', sum((list) => list.count())).replace('{total}', sum((list) => list.total));
    });
    parts.filter((part) => part !== name).forEach((part) => {
      const group = document.getElementById(part);
      group.hidden = !lists[part].count();
      if (words.length && !group.hidden) group.open = true;
    });
  };
  const wishOf = (field) => (wanted[field] ||= {
    choices: {}, parts: (document.querySelector(`[data-parts="${field}"]`)?.dataset.lists || field).split(' '),
  });
  all('[data-filter]').forEach((input) => input.addEventListener('input', () => {
    wishOf(input.dataset.filter).words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
    apply(input.dataset.filter);
  }));
  all('[data-choose]').forEach((select) => select.addEventListener('change', () => {
    wishOf(select.dataset.choose).choices[select.dataset.column] = select.value;
    apply(select.dataset.choose);
  }));
  all('.data .sort').forEach((button) => button.addEventListener('click', () => {
    const heading = button.closest('th');
    const down = heading.getAttribute('aria-sort') === 'ascending';
    lists[heading.closest('table').id.slice(2)].sort(Number(button.dataset.sort), down);
    all('th', heading.parentElement).forEach((other) => other.removeAttribute('aria-sort'));
    heading.setAttribute('aria-sort', down ? 'descending' : 'ascending');
  }));
  return { readData, listOf };
})();
