// The table of a fleet: its rows are data in the page, made when they come into sight, filtered and sorted.
(() => {
  const { made, lists } = page;
  const { words, states, severities, severityWords, texts, rows } = JSON.parse(document.getElementById('data').textContent);
  const say = (text, values = {}) => text.replace(/\{(\w+)\}/g, (_, name) => values[name]);
  const names = Object.keys(states);
  const by = (id) => document.getElementById(id);
  const list = (numbers) => numbers.map((number) => words[number]);
  // The places of a row's cells: forensics/fleet/report/page.py writes them.
  const all = rows.map((r, place) => ({
    place, key: r[0], state: names[r[1]] || '', disk: words[r[2]], machine: words[r[3]], roles: list(r[4]),
    downs: r[5][0], down: list(r[5].slice(1)), dead: r[6], missed: r[7], savable: r[8], undecided: r[9],
    ends: words[r[10]], endsOf: words[r[11]], inUse: r[12], blocks: r[13][0], blockers: list(r[13].slice(1)),
    kinds: list(r[14]), lacks: r[15][0], gaps: list(r[15].slice(1)), worst: r[16], rules: list(r[17]),
    product: words[r[18]], page: words[r[19]],
  }));
  all.forEach((row) => {
    row.text = [row.machine, row.disk, row.key, row.product, states[row.state], row.endsOf, row.ends,
      ...row.roles, ...row.down, ...row.blockers, ...row.gaps].join('\n').toLowerCase();
    row.marks = new Set([...row.rules, ...row.kinds]);
  });

  const headings = [...document.querySelectorAll('#t-disks thead button')].map((button) => button.textContent);
  const count = (number) => (number < 0 ? '–' : String(number));
  const body = document.querySelector('#t-disks tbody');

  const facts = (row) => {
    const tr = made('tr', 'facts');
    const td = made('td');
    td.colSpan = headings.length;
    const cell = made('div');
    td.append(cell);
    const part = (title, items, total) => {
      if (!items.length) return;
      cell.append(made('p', '', total > items.length ? say(texts.part, { title, shown: items.length, total }) : `${title}:`));
      const ul = made('ul');
      items.forEach((item) => { const li = made('li'); li.append(made('bdi', '', item)); ul.append(li); });
      cell.append(ul);
    };
    const place = made('p');
    place.append(made('code', '', row.disk), made('span', '', row.product ? ` ${row.product}` : ''));
    cell.append(place);
    part(texts.gaps, row.gaps, row.lacks);
    part(texts.down, row.down, row.downs);
    part(texts.blockers, row.blockers, row.blocks);
    part(texts.rules, row.rules, row.rules.length);
    if (row.dead >= 0) cell.append(made('p', '', say(texts.keys, row)));
    const drill = made('p', '', `${texts.all} `);
    if (row.page) {
      const link = made('a', '', texts.own);
      link.href = row.page;
      drill.append(link);
    } else drill.append(made('code', '', `keymortem fleet report DATASET --disk ${row.key}`));
    cell.append(drill);
    tr.append(td);
    return tr;
  };

  const shownRow = (row) => {
    const tr = made('tr', `row-${row.state}`);
    const add = (text, kind = '') => {
      const cell = made('td', text === '' ? `${kind} empty` : kind, text);
      cell.dataset.heading = headings[tr.cells.length];
      tr.append(cell);
      return cell;
    };
    const was = row.dead >= 0;
    add(states[row.state] || row.state, row.state === 'examined' ? 'short' : 'short state-undecided');
    const machine = add('', 'machine');
    machine.classList.remove('empty');
    const button = made('button', 'open', row.machine || '–');
    button.type = 'button';
    button.setAttribute('aria-expanded', 'false');
    button.addEventListener('click', () => {
      const open = button.getAttribute('aria-expanded') === 'false';
      button.setAttribute('aria-expanded', String(open));
      if (open) tr.after(facts(row)); else tr.nextElementSibling.remove();
    });
    const disk = made('div', 'below', row.disk.split(/[\\/]/).pop());
    disk.title = row.disk;
    machine.append(button, disk);
    add(row.gaps.length ? row.gaps[0] + (row.lacks > 1 ? say(texts.more, { count: row.lacks - 1 }) : '') : '', row.gaps.length ? 'wide-text state-undecided' : '');
    add(row.roles.join(texts.between), 'role');
    add(row.worst < 0 ? '' : severityWords[row.worst], row.worst >= 0 && row.worst < 2 ? 'state-dead' : '');
    add(was ? (row.downs ? `${row.downs}: ${row.down[0]}${row.downs > 1 ? ' …' : ''}` : '0') : '–', row.downs ? 'wide-text state-dead' : '');
    add(count(row.dead), row.dead > 0 ? 'number state-dead' : 'number');
    add(count(row.savable), row.savable > 0 ? 'number state-usable' : 'number');
    add(row.ends ? `${row.ends} ${row.endsOf}${row.inUse ? '' : ` ${texts.unused}`}` : '', row.ends ? 'wide-text' : '');
    add(row.blockers.join('; '), row.blockers.length ? 'wide-text' : '');
    return tr;
  };

  // Rows are made when they come into sight.
  const STEP = 60;
  let kept = all;
  let made_ = 0;
  const more = by('more');
  const show = (upto) => {
    const part = document.createDocumentFragment();
    for (; made_ < Math.min(upto, kept.length); made_ += 1) part.append(kept[made_].shown = shownRow(kept[made_]));
    body.append(part);
    more.textContent = made_ < kept.length ? say(texts.below, { count: kept.length - made_ }) : '';
  };
  new IntersectionObserver((seen) => {
    if (seen.some((one) => one.isIntersecting) && made_ < kept.length) show(made_ + STEP);
  }, { rootMargin: '600px' }).observe(more);
  // On paper every row tells all that its cells cut short.
  lists.disks = {
    bring: () => false,
    spread: () => {
      show(kept.length);
      kept.forEach((row) => {
        if ((row.downs > 1 || row.lacks > 1) && row.shown.nextElementSibling?.className !== 'facts') row.shown.after(facts(row));
      });
    },
    gather: () => apply(),
  };

  const chosen = { words: [], state: '', role: '', severity: '', only: '', mark: '' };
  const order = new Intl.Collator(page.root.lang, { numeric: true }).compare;
  let sorting = { by: '', down: false };
  const value = {
    state: (row) => states[row.state] || '', machine: (row) => row.machine,
    gaps: (row) => row.lacks, role: (row) => row.roles.join(' '), severity: (row) => (row.worst < 0 ? 9 : row.worst),
    down: (row) => row.downs, dead: (row) => row.dead, savable: (row) => row.savable,
    ends: (row) => row.ends || '9999', blockers: (row) => row.blocks,
  };
  const only = {
    '': () => true, down: (row) => row.downs > 0, dead: (row) => row.dead > 0, savable: (row) => row.savable > 0,
    blockers: (row) => row.blocks > 0, gaps: (row) => row.lacks > 0 && row.state !== 'copy' && !row.state.startsWith('read_'),
  };
  const apply = () => {
    const { words: parts, state, role, severity, only: one, mark } = chosen;
    kept = all.filter((row) => (!state || row.state === state) && (!role || row.roles.includes(role)) &&
      (!severity || (row.worst >= 0 && row.worst <= severities.indexOf(severity))) && only[one](row) &&
      (!mark || row.marks.has(mark)) && parts.every((part) => row.text.includes(part) || row.marks.has(part)));
    if (sorting.by) {
      const of = value[sorting.by];
      const sign = sorting.down ? -1 : 1;
      kept.sort((a, b) => {
        const [x, y] = [of(a), of(b)];
        return sign * (typeof x === 'number' ? x - y : order(x, y)) || a.place - b.place;
      });
    }
    body.textContent = '';
    made_ = 0;
    show(STEP);
    by('shown').value = say(texts.shown, { shown: kept.length, total: all.length }) + (mark ? ` (${mark})` : '');
  };

  const fill = (id, options) => options.forEach(([word, text]) => {
    const option = made('option', '', text);
    option.value = word;
    by(id).append(option);
  });
  const present = new Set(all.map((row) => row.state));
  fill('state', names.filter((name) => present.has(name)).map((name) => [name, states[name]]));
  fill('role', [...new Set(all.flatMap((row) => row.roles))].sort(order).map((role) => [role, role]));
  fill('severity', severities.slice(0, -1).map((name, n) => [name, n ? say(texts.worse, { severity: severityWords[n] }) : severityWords[n]]));
  by('words').addEventListener('input', () => {
    chosen.words = by('words').value.toLowerCase().split(/\s+/).filter(Boolean);
    chosen.mark = '';
    apply();
  });
  ['state', 'role', 'severity', 'only'].forEach((id) => by(id).addEventListener('change', () => {
    chosen[id] = by(id).value;
    apply();
  }));
  document.querySelectorAll('[data-only]').forEach((button) => button.addEventListener('click', () => {
    by('only').value = button.dataset.only;
    chosen.only = button.dataset.only;
    apply();
    by('disks').scrollIntoView();
  }));
  document.querySelectorAll('[data-find]').forEach((button) => button.addEventListener('click', () => {
    by('words').value = '';
    Object.assign(chosen, { words: [], mark: button.dataset.find });
    apply();
    by('disks').scrollIntoView();
  }));
  document.querySelectorAll('#t-disks .sort').forEach((button) => button.addEventListener('click', () => {
    const heading = button.closest('th');
    const down = sorting.by === button.dataset.sort ? !sorting.down : ['down', 'dead', 'savable', 'blockers', 'gaps'].includes(button.dataset.sort);
    sorting = { by: button.dataset.sort, down };
    document.querySelectorAll('#t-disks th').forEach((other) => other.removeAttribute('aria-sort'));
    heading.setAttribute('aria-sort', down ? 'descending' : 'ascending');
    apply();
  }));
  apply();
})();
