// Chains and causes of the report.
(() => {
  const { all, made } = page;
  const texts = document.getElementById('chains').dataset;

  // Chains: a link shows where its fact was read.
  const openFact = (button) => {
    const place = button.nextElementSibling.querySelector('[data-as]');
    if (!place) return;
    // A place that an earlier link names stands on the page once.
    const other = button.closest('ol').children[place.dataset.as - 1].querySelector('.read');
    place.replaceWith(other.cloneNode(true));
  };
  const isOpen = (button) => button.getAttribute('aria-expanded') === 'true';
  const toggle = (button, open) => {
    button.setAttribute('aria-expanded', String(open));
    if (open && button.nextElementSibling) openFact(button);
  };
  const everything = document.querySelector('[data-open="chains"]');
  const dress = (chains) => chains.forEach((chain) => all('.links button', chain).forEach((button) => {
    if (!button.hasAttribute('aria-expanded') || isOpen(everything)) toggle(button, isOpen(everything));
  }));
  const drawn = (row, read) => {
    const [anchor, label, machine, store, validity, isExpired, thumbprint, why, found, known, causes, links] = row;
    const chain = made('article', 'chain');
    chain.id = read(anchor);
    const meta = made('p', 'meta');
    const add = (...nodes) => meta.append(...(meta.childNodes.length ? [' · '] : []), ...nodes);
    if (machine !== '') add(made('bdi', '', read(machine)));
    add(made('bdi', '', read(store)));
    if (validity !== '') add(made('span', isExpired ? 'state-expired' : '', read(validity)));
    if (thumbprint !== '') add(made('code', '', read(thumbprint)));
    const list = made('ol', `links n${links.length}`);
    links.forEach(([state, title, value, detail, where, written, same]) => {
      const fact = made('div', 'fact');
      if (read(state) === 'broken') fact.append(made('p', 'here', texts.here));
      if (detail !== '') fact.append(made('p', '', read(detail)));
      if (same) {
        const place = made('p', 'read', texts.as.replace('{link}', read(where)));
        place.dataset.as = same;
        fact.append(place);
      } else if (where !== '') fact.append(made('p', 'read', `${texts.in} `, made('code', '', read(where)), read(written)));
      else if (detail === '') fact.append(made('p', 'read', texts.nothing));
      const button = made('button', '', made('b', '', read(title)), made('span', '', read(value)));
      button.type = 'button';
      list.append(made('li', `l-${read(state)}`, button, fact));
    });
    chain.append(made('h4', '', made('bdi', '', read(label))), meta, list);
    if (causes.length) {
      const because = made('p', 'because', `${texts.cause}: `);
      causes.forEach(([title, target], n) => {
        const link = made('a', '', read(title));
        link.href = `#${read(target)}`;
        because.append(...(n ? [' · '] : []), link);
      });
      chain.append(because);
    } else if (why !== '') chain.append(made('p', 'why', read(why)));
    if (found !== '') chain.append(made('p', 'why', `${texts.found} `, made('code', '', read(found))));
    chain.append(made('p', 'meta', read(known)));
    return chain;
  };
  all('#chains .list').forEach((body) => {
    const name = body.dataset.list;
    const told = (row, read) => [...row.slice(1, 5), ...row.slice(6, 10), ...row[10].map((cause) => cause[0]),
      ...row[11].flatMap((link) => link.slice(1, 6))].map(read);
    listOf(name, body, Number(body.dataset.step), {
      draw: drawn, told, dress, total: Number(body.dataset.total), idOf: (row) => row[0],
    });
    dress(Array.from(body.children));
  });
  document.addEventListener('click', (event) => {
    const button = event.target.closest('.links button');
    if (!button) return;
    const open = !isOpen(button);
    all('button', button.closest('.links')).forEach((other) => toggle(other, false));
    toggle(button, open);
  });
  document.addEventListener('keydown', (event) => {
    const button = event.target.closest('.links button');
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!button || !step) return;
    const buttons = all('button', button.closest('.links'));
    const next = buttons[buttons.indexOf(button) + step];
    if (next) { next.focus(); event.preventDefault(); }
  });
  if (everything) everything.addEventListener('click', () => {
    toggle(everything, !isOpen(everything));
    all('.links button').forEach((link) => toggle(link, isOpen(everything)));
  });
  addEventListener('beforeprint', () => all('.links [data-as]').forEach((place) => openFact(place.closest('li').firstElementChild)));

  // Causes: by severity, service and words.
  const fields = all('[data-causes]');
  const causes = all('#causes .cause');
  const filterCauses = () => {
    const [severity, service, words] = ['severity', 'service', 'words'].map((name) =>
      fields.find((field) => field.dataset.causes === name)?.value || '');
    const parts = words.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    causes.forEach((cause) => {
      const text = cause.textContent.toLowerCase();
      const fits = (!severity || cause.dataset.severity === severity) &&
        (!service || cause.dataset.services.split(' ').includes(service)) && parts.every((part) => text.includes(part));
      cause.hidden = !fits;
      shown += fits;
    });
    const output = document.querySelector('[data-count="causes"]');
    output.value = output.dataset.text.replace('{shown}', shown).replace('{total}', causes.length);
    const information = document.getElementById('information');
    if (!information) return;
    const some = all('.cause', information).some((cause) => !cause.hidden);
    information.hidden = !some;
    if (some && (severity || service || parts.length)) information.open = true;
  };
  fields.forEach((field) => field.addEventListener(field.tagName === 'SELECT' ? 'change' : 'input', filterCauses));
})();
